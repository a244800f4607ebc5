//! What `kentongan-agent` does beside running: it enrols, and it tells what works on this router. Both end by themselves.

use std::{path::Path, process::ExitCode, sync::Arc};

use kentongan_agent::{
    enrol::{self, EnrolError, Order},
    language::Language,
    self_test,
};
use kentongan_model::time::SystemClock;

/// Exchanges a code for the right to deliver, and writes the configuration.
pub(crate) async fn enrol(order: &Order, language: Language) -> ExitCode {
    match enrol::enrol(order).await {
        Ok(agent) => {
            println!("{}", enrol::succeeded(&agent, order, language));
            ExitCode::SUCCESS
        }
        Err(EnrolError::Refused(refusal)) => {
            eprintln!("error: {}", refusal.told(language));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {}", kentongan_agent::told(&error));
            ExitCode::FAILURE
        }
    }
}

/// Looks at this machine and tells; the code says whether anything fails.
pub(crate) async fn test(config: &Path, language: Language, as_json: bool) -> ExitCode {
    let report = self_test::run(config, Arc::new(SystemClock::new())).await;
    if as_json {
        println!("{}", report.json(language));
    } else {
        print!("{}", report.text(language));
    }
    ExitCode::from(u8::from(!report.passed()))
}
