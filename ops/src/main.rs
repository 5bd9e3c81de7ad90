//! The operator's command: reads the command line, opens the deployment, prints the answer.

use std::process::ExitCode;

use clap::Parser;
use ops::{Arguments, Deployment, Report, run};
use tracing_subscriber::EnvFilter;

/// Done, and something needs a person.
const NEEDS_A_PERSON: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).compact().init();
    let arguments = Arguments::parse();
    match answer(&arguments).await {
        Ok(report) => {
            print(&report, arguments.json);
            if report.needs_a_person { ExitCode::from(NEEDS_A_PERSON) } else { ExitCode::SUCCESS }
        }
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

async fn answer(arguments: &Arguments) -> Result<Report, String> {
    let deployment = Deployment::open(&arguments.files, arguments.profile.as_deref()).await;
    let deployment = deployment.map_err(|error| error.to_string())?;
    run(&arguments.command, &deployment).await.map_err(|failure| failure.chain())
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print(report: &Report, json: bool) {
    match json {
        true => println!("{:#}", report.json),
        false => println!("{}", report.text),
    }
}

fn complain(why: &str) {
    use std::io::Write;
    // Nobody is left to tell where this cannot be written.
    let _ = writeln!(std::io::stderr(), "{why}");
}
