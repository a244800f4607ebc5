"""A real mail server (aiosmtpd) for the tests: prints its port, then each mail it took as a line of JSON.

--certificate CERT KEY   its certificate
--starttls | --tls       how it encrypts
--login USER PASSWORD    demands this login
--refuse ADDRESS CODE    answers CODE to this recipient
--busy COUNT             answers 451 to the first COUNT mails
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self, busy, refuse):
        self.busy = busy
        self.refuse = refuse

    async def handle_RCPT(self, server, session, envelope, address, options):
        for refused, code in self.refuse:
            if address == refused:
                return f"{code} 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.busy > 0:
            self.busy -= 1
            return "451 4.3.2 come back later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        seen = {
            "from": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "subject": mail["Subject"],
            "message_id": mail["Message-ID"],
            "references": mail["References"],
            "automatic": mail["Auto-Submitted"],
            "body": mail.get_content(),
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data,
        }
        print(json.dumps(seen), flush=True)
        return "250 OK"


async def main():
    words = argparse.ArgumentParser()
    words.add_argument("--certificate", nargs=2)
    words.add_argument("--starttls", action="store_true")
    words.add_argument("--tls", action="store_true")
    words.add_argument("--login", nargs=2)
    words.add_argument("--refuse", nargs=2, action="append", default=[])
    words.add_argument("--busy", type=int, default=0)
    chosen = words.parse_args()

    context = None
    if chosen.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*chosen.certificate)

    def authenticate(server, session, envelope, mechanism, data):
        right = [data.login.decode(), data.password.decode()] == chosen.login
        return AuthResult(success=right, handled=right, auth_data=data.login.decode())

    handler = Mailbox(chosen.busy, chosen.refuse)

    def greet():
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context if chosen.starttls else None,
            require_starttls=chosen.starttls,
            authenticator=authenticate if chosen.login else None,
            auth_required=bool(chosen.login),
            auth_require_tls=chosen.starttls,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(greet, "127.0.0.1", 0, ssl=context if chosen.tls else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
