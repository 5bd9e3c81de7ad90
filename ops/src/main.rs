//! The operator's command: reads the command line, opens the deployment, prints the answer.

use std::io::{self, ErrorKind, Write};
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
        Ok(report) => match print(&mut io::stdout(), &report, arguments.json) {
            Ok(()) if report.needs_a_person => ExitCode::from(NEEDS_A_PERSON),
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("the answer could not be written: {error}"));
                ExitCode::FAILURE
            }
        },
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

fn print(to: &mut impl Write, report: &Report, json: bool) -> io::Result<()> {
    let written = match json {
        true => writeln!(to, "{:#}", report.json),
        false => writeln!(to, "{}", report.text),
    };
    match written {
        // Who reads, `head` for one, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn complain(why: &str) {
    // Nobody is left to tell where this cannot be written.
    let _ = writeln!(io::stderr(), "{why}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_that_has_seen_enough_breaks_nothing() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let report = Report { text: "much".to_owned(), json: json!({}), needs_a_person: false };
        print(&mut writer, &report, false).unwrap();
    }
}
