//! The runbook names only commands that there are.

use clap::Parser;

#[test]
fn every_command_of_the_docs_is_one() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut read = 0;
    for file in ["operating.md", "deploying.md"] {
        let text = std::fs::read_to_string(docs.join(file)).unwrap();
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("ops ")) {
            let typed = line.split("  #").next().unwrap().replace('…', "1");
            let typed = typed.replace("<digest>", &"0".repeat(64)).replace("<message id>", "m");
            if let Err(error) = ops::Arguments::try_parse_from(typed.split_whitespace()) {
                assert!(!error.use_stderr(), "{file}: `{line}`: {error}");
            }
            read += 1;
        }
    }
    assert!(read > 20);
}
