/* The peer: net-snmp's C library, used asynchronously in one process, as snmp_api(3) says. Sessions are opened to one
 * device each; some are under way at a time, each asking again when it is answered. Every value is looked at.
 * Prints the polls, the objects and the processor time that they took in microseconds. */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/library/large_fd_set.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static oid uptime[] = {1, 3, 6, 1, 2, 1, 1, 3};
static const struct { oid at[11]; size_t length; } columns[] = {
    {{1, 3, 6, 1, 2, 1, 2, 2, 1, 8}, 10},       {{1, 3, 6, 1, 2, 1, 2, 2, 1, 14}, 10},
    {{1, 3, 6, 1, 2, 1, 2, 2, 1, 20}, 10},      {{1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6}, 11},
    {{1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10}, 11},  {{1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 15}, 11},
    {{1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1}, 11},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static long to_ask, answered, objects, devices, next_device, rows;
static unsigned long long sum;
static struct snmp_session **sessions;

static void ask(void) {
  if (to_ask <= 0) return;
  to_ask--;
  struct snmp_session *session = sessions[next_device++ % devices];
  netsnmp_pdu *pdu = snmp_pdu_create(SNMP_MSG_GETBULK);
  pdu->non_repeaters = 1;
  pdu->max_repetitions = rows;
  snmp_add_null_var(pdu, uptime, 8);
  for (size_t n = 0; n < COLUMNS; n++) snmp_add_null_var(pdu, columns[n].at, columns[n].length);
  if (!snmp_send(session, pdu)) { snmp_perror("send"); exit(1); }
}

static int hear(int operation, struct snmp_session *session, int id, netsnmp_pdu *pdu, void *magic) {
  (void)session, (void)id, (void)magic;
  if (operation != NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) { fprintf(stderr, "no answer\n"); exit(1); }
  for (netsnmp_variable_list *v = pdu->variables; v; v = v->next_variable) {
    objects++;
    sum += v->name[v->name_length - 1];
    switch (v->type) {
      case ASN_INTEGER: case ASN_COUNTER: case ASN_GAUGE: case ASN_TIMETICKS: sum += *v->val.integer; break;
      case ASN_COUNTER64: sum += v->val.counter64->low; break;
      case ASN_OCTET_STR: sum += v->val_len; break;
    }
  }
  answered++;
  ask();
  return 1;
}

int main(int count, char **words) {
  if (count != 6) { fprintf(stderr, "peer ADDRESS DEVICES AT_ONCE POLLS ROWS\n"); return 2; }
  devices = atol(words[2]);
  long at_once = atol(words[3]), polls = atol(words[4]);
  rows = atol(words[5]);
  setenv("MIBS", "", 1);
  netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
  netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
  init_snmp("peer");
  sessions = calloc(devices, sizeof *sessions);
  for (long n = 0; n < devices; n++) {
    struct snmp_session session;
    snmp_sess_init(&session);
    session.version = SNMP_VERSION_2c;
    session.peername = words[1];
    session.community = (u_char *)"public";
    session.community_len = 6;
    session.callback = hear;
    if (!(sessions[n] = snmp_open(&session))) { snmp_perror("open"); return 1; }
  }
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  to_ask = polls;
  for (long n = 0; n < at_once; n++) ask();
  netsnmp_large_fd_set set;
  netsnmp_large_fd_set_init(&set, 4096);
  while (answered < polls) {
    int highest = 0, block = 1;
    struct timeval timeout;
    NETSNMP_LARGE_FD_ZERO(&set);
    snmp_select_info2(&highest, &set, &timeout, &block);
    int ready = netsnmp_large_fd_set_select(highest, &set, NULL, NULL, block ? NULL : &timeout);
    if (ready > 0) snmp_read2(&set);
    else snmp_timeout();
  }
  getrusage(RUSAGE_SELF, &after);
#define MICROSECONDS(t) (t.tv_sec * 1000000LL + t.tv_usec)
  long long spent = MICROSECONDS(after.ru_utime) + MICROSECONDS(after.ru_stime) - MICROSECONDS(before.ru_utime) -
                    MICROSECONDS(before.ru_stime);
  printf("%ld %ld %lld %ld %llu\n", answered, objects, spent, after.ru_maxrss, sum);
  return 0;
}
