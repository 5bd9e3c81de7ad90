//! `docs/faults.md`: what goes wrong in systems like this one, and the tests that show what becomes of it here. Made here,
//! so that it cannot tell of a proof that is gone.

mod charged_twice;
mod money;
mod operating;
mod unknown;
mod webhooks;

use std::fs;
use std::path::{Path, PathBuf};

use settings::Settings;

/// Something that happened to somebody.
struct Row {
    id: &'static str,
    /// What happens.
    what: &'static str,
    /// What must hold.
    holds: &'static str,
    /// The tests that show it: the file, and their names.
    proofs: &'static [(&'static str, &'static [&'static str])],
    /// A deliberate defect of this kind, which the simulation finds.
    defect: Option<&'static str>,
}

const SECTIONS: [(&str, &[Row]); 5] = [
    ("Charged twice", &charged_twice::CHARGED_TWICE),
    ("Unknown outcome", &unknown::UNKNOWN),
    ("Webhooks lost, late, doubled, out of order", &webhooks::WEBHOOKS),
    ("Money and tokens", &money::MONEY),
    ("Operating it", &operating::OPERATING),
];

#[test]
fn the_table_of_faults_and_their_proofs_is_true() {
    let defects = read(Path::new("tests/simulation/src/defects.rs"));
    let mut count = 0;
    for row in SECTIONS.iter().flat_map(|(_, rows)| rows.iter()) {
        count += 1;
        assert!(row.proofs.iter().any(|(_, tests)| !tests.is_empty()), "{} is shown by nothing", row.id);
        for (file, tests) in row.proofs {
            let source = read(Path::new(file));
            for test in *tests {
                assert!(
                    source.contains(&format!("fn {test}(")),
                    "{}: no test named {test} in {file}",
                    row.id
                );
            }
        }
        if let Some(defect) = row.defect {
            assert!(defects.contains(&format!("\"{defect}\"")), "{}: no defect named {defect}", row.id);
        }
    }
    assert_eq!(count, 42, "every fault has its row");
    let path = root().join("docs/faults.md");
    if Settings::from_environment().optional("UPDATE_DOCS").unwrap().is_some() {
        fs::write(&path, table()).unwrap();
    }
    let hint = "stale: run it once with UPDATE_DOCS=1";
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), table(), "docs/faults.md is {hint}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn table() -> String {
    let mut text = String::from(concat!(
        "# What goes wrong in systems like this one\n\n",
        "Each row happened to somebody. Made by `tests/it/faults`, which fails if a row has no test or a test is gone; the\n",
        "tests run in every build, so that this page stands only while all of them pass. Made anew by\n",
        "`UPDATE_DOCS=1 cargo test -p tests --test it faults::`.\n\n",
        "All rows of the first four sections are met again by chance in [the simulation](simulation.md). Where a defect is\n",
        "named, the simulation was given it on purpose and found it.\n",
    ));
    for (section, rows) in SECTIONS {
        text.push_str(&format!(
            "\n## {section}\n\n| | what happens | what holds here | shown by |\n|---|---|---|---|\n"
        ));
        for row in rows {
            let proofs = row.proofs.iter().map(|(file, tests)| {
                let names: Vec<_> = tests.iter().map(|test| test.replace('_', " ")).collect();
                format!("[{}](../{file})", names.join("; "))
            });
            let defect = row.defect.map(|defect| format!("found as `--defect {defect}`"));
            let proofs: Vec<_> = proofs.chain(defect).collect();
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                row.id,
                row.what,
                row.holds,
                proofs.join("<br>")
            ));
        }
    }
    text
}
