//! What is said of tables that are not as they should be: an error with place and way out, or a sentence on what was left out.
#![allow(clippy::unwrap_used)]

use super::{Columns, Csv, Rows, TableRows, TextRows};
use crate::diagnose::{DiagnoseError, Diagnosis, Gathered, Settings};

/// 40 rows of `line`, under `header`.
fn lines(header: &str, line: impl Fn(usize) -> String) -> String {
    let body: Vec<String> = (0..40).map(line).collect();
    format!("{header}\n{}\n", body.join("\n"))
}

/// x of row i: no pattern, and the same each time.
fn x(i: usize) -> f64 {
    ((i * i * 7 + i * 3) % 41) as f64
}

/// Something like noise in row i.
fn e(i: usize) -> f64 {
    ((i * 29 + i * i * 5) % 17) as f64 / 4.0
}

/// a, b, y with y = a + b + noise.
fn good() -> String {
    lines("a,b,y", |i| {
        format!("{},{},{}", x(i), e(i + 7), x(i) + e(i))
    })
}

fn asked(targets: &str) -> Columns {
    let names = |text: &str| text.split(',').map(str::to_owned).collect();
    let (targets, without) = targets.split_once(" without ").unwrap_or((targets, ""));
    let (targets, classes) = match targets.strip_prefix("classes ") {
        Some(targets) => (targets, true),
        None => (targets, false),
    };
    Columns {
        targets: names(targets),
        without: if without.is_empty() {
            Vec::new()
        } else {
            names(without)
        },
        classes,
    }
}

fn diagnose(text: &[u8], targets: &str) -> Result<Diagnosis, DiagnoseError> {
    let mut rows = TableRows::new(Csv::new(text)?, &asked(targets))?;
    let settings = Settings {
        resamples: Some(0),
        ..Settings::default()
    };
    Diagnosis::new(&Gathered::new(&mut rows, 0)?, &settings)
}

/// Each table, what is asked of it, and words that its error has.
#[test]
fn wrong_tables_are_refused_with_place_and_way_out() {
    let broken = |at: usize, line: &str| {
        let text = good();
        let mut all: Vec<&str> = text.lines().collect();
        all[at - 1] = line;
        all.join("\n")
    };
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        (
            "nothing",
            vec![],
            "y",
            "is empty: a table begins with a line",
        ),
        (
            "a header alone",
            b"a,b,y\n".to_vec(),
            "y",
            "has 0 whole rows and 2 inputs: at least",
        ),
        (
            "one row",
            b"a,b,y\n1,2,3\n".to_vec(),
            "y",
            "has 1 whole rows",
        ),
        (
            "two rows",
            b"a,y\n1,2\n3,4\n".to_vec(),
            "y",
            "has 2 whole rows",
        ),
        (
            "a line too short",
            broken(5, "1,2").into(),
            "y",
            "line 5: 2 entries, where the header names 3 columns",
        ),
        (
            "a line too long",
            broken(6, "1,2,3,4").into(),
            "y",
            "line 6: 4 entries",
        ),
        (
            "an open quotation mark",
            broken(7, "1,\"2,3").into(),
            "y",
            "line 7: 2 entries",
        ),
        (
            "a word among numbers",
            broken(9, "1,two,3").into(),
            "y",
            "line 9, column `b`: `two` is no finite number",
        ),
        (
            "a word in the target",
            broken(9, "1,2,three").into(),
            "y",
            "line 9, column `y`: `three`",
        ),
        (
            "a decimal comma",
            broken(4, "1,\"2,5\",3").into(),
            "y",
            "line 4, column `b`: `2,5`",
        ),
        (
            "a unit",
            broken(4, "1,2 kg,3").into(),
            "y",
            "`2 kg` is no finite number",
        ),
        (
            "a thousands separator",
            broken(4, "1,2'000,3").into(),
            "y",
            "`2'000`",
        ),
        ("a percentage", broken(4, "1,2%,3").into(), "y", "`2%`"),
        (
            "infinity",
            broken(8, "1,inf,3").into(),
            "y",
            "line 8, column `b`: `inf`",
        ),
        (
            "minus infinity in the target",
            broken(8, "1,2,-inf").into(),
            "y",
            "line 8, column `y`: `-inf`",
        ),
        (
            "beyond doubles",
            broken(8, "1,1e400,3").into(),
            "y",
            "line 8, column `b`",
        ),
        (
            "squares beyond doubles",
            lines("a,y", |i| format!("{}e300,{}", x(i), e(i))).into(),
            "y",
            "the squares of column `a` are beyond double precision",
        ),
        (
            "squares of a target beyond doubles",
            lines("a,y", |i| format!("{},{}e300", x(i), e(i))).into(),
            "y",
            "column `y` are beyond",
        ),
        (
            "bytes that are no text",
            [b"a,y\n1,2\n".as_slice(), &[0xff, 0xfe], b",3\n"].concat(),
            "y",
            "line 3, column `a`: not UTF-8",
        ),
        (
            "a zip archive, as NumPy and Excel write them",
            b"PK\x03\x04\x14\x00\x00\x00\x08\x00,y\n".to_vec(),
            "y",
            "neither a text in UTF-8 nor a Parquet file",
        ),
        (
            "a header that is no text",
            [&[0xff][..], b",y\n1,2\n"].concat(),
            "y",
            "line 1, column number 1: not UTF-8",
        ),
        (
            "two columns of one name",
            b"a,a,y\n1,2,3\n".to_vec(),
            "y",
            "columns 1 and 2 are both called `a`",
        ),
        (
            "no such target",
            good().into(),
            "z",
            "has no column `z`; its columns are a, b, y",
        ),
        (
            "no such column to leave out",
            good().into(),
            "y without q",
            "has no column `q`",
        ),
        (
            "a target with another case",
            good().into(),
            "Y",
            "has no column `Y`",
        ),
        (
            "a target twice",
            good().into(),
            "y,y",
            "`y` is named as a target twice",
        ),
        (
            "a target left out",
            good().into(),
            "y without y",
            "`y` is a target, and cannot be left out too",
        ),
        (
            "every column a target",
            good().into(),
            "a,b,y",
            "no column of numbers is left for the inputs",
        ),
        (
            "every input left out",
            good().into(),
            "y without a,b",
            "no column of numbers is left",
        ),
        (
            "a target with commas for points",
            lines("a;y", |i| {
                format!("{};{}", x(i), e(i).to_string().replace('.', ","))
            })
            .into(),
            "y",
            "has a comma where a decimal point is needed",
        ),
        (
            "inputs with commas for points",
            lines("a;y", |i| format!("{},5;{}", i, e(i))).into(),
            "y",
            "column `a`: `0,5` has a comma",
        ),
        (
            "inputs of words alone",
            lines("a,y", |i| format!("n{i},{}", e(i))).into(),
            "y",
            "no column of numbers is left",
        ),
        (
            "constant inputs alone",
            lines("a,y", |i| format!("3,{}", e(i))).into(),
            "y",
            "no column of numbers is left",
        ),
        (
            "a constant target",
            lines("a,y", |i| format!("{},7", x(i))).into(),
            "y",
            "the target `y` has the same value in every row",
        ),
        (
            "a target without noise",
            lines("a,y", |i| format!("{},{}", x(i), 2.0 * x(i) - 1.0)).into(),
            "y",
            "linear functions of the inputs, to rounding",
        ),
        (
            "one target twice under two names",
            lines("a,y,z", |i| {
                format!("{},{e},{}", x(i), 2.0 * e(i), e = e(i))
            })
            .into(),
            "y,z",
            "target `z` is a linear function of that of the targets before it",
        ),
        (
            "more columns than rows",
            lines(
                &(0..60)
                    .map(|j| format!("c{j}"))
                    .collect::<Vec<_>>()
                    .join(","),
                |i| {
                    (0..60)
                        .map(|j| {
                            ((i * 7919 + j * 104_729 + i * j * 31 + i * i * j * 7) % 1009)
                                .to_string()
                        })
                        .collect::<Vec<_>>()
                        .join(",")
                },
            )
            .into(),
            "c0",
            "rows are needed to tell the noise from the fit",
        ),
        (
            "a gap in every row",
            lines("a,b,y", |i| format!("{},,{}", x(i), e(i))).into(),
            "y",
            "most often in column `b`: leave that column out (--without, or `without` in a file)",
        ),
        (
            "gaps in the target alone",
            lines("a,y", |i| format!("{},NA", x(i))).into(),
            "y",
            "in column `y`",
        ),
        (
            "gaps until few rows are left",
            lines("a,y", |i| {
                if i % 8 == 0 {
                    format!("{},{}", x(i), e(i))
                } else {
                    "?,1".to_owned()
                }
            })
            .into(),
            "y",
            "has 5 whole rows",
        ),
        (
            "a target of names",
            lines("a,y", |i| format!("{},name {i}", x(i)))
                .replace("name", "n")
                .into(),
            "y",
            "rows are needed",
        ),
        (
            "a class for each of many rows",
            (0..300)
                .fold("a,y\n".to_owned(), |text, i| {
                    text + &format!("{},n{i}\n", x(i))
                })
                .into(),
            "y",
            "more than 100 classes",
        ),
        (
            "one class",
            lines("a,y", |i| format!("{},red", x(i))).into(),
            "y",
            "every row is of the class `red`",
        ),
        (
            "words beside numbers as targets",
            lines("a,y,z", |i| format!("{},{},red", x(i), e(i))).into(),
            "y,z",
            "the target `z` holds words: a column of classes must be the only target",
        ),
        (
            "a word that is no number, first of a column of numbers",
            lines("a,y", |i| match i {
                0 => "missing,1".to_owned(),
                _ => format!("{},{}", x(i), e(i)),
            })
            .into(),
            "y",
            "line 2, column `a`: `missing` is no finite number, and",
        ),
        (
            "the same in a target",
            lines("a,y", |i| match i {
                0 => format!("{},oops", x(i)),
                _ => format!("{},{}", x(i), e(i)),
            })
            .into(),
            "y",
            "a target's entries may name classes (--classes",
        ),
        (
            "classes in two columns",
            good().into(),
            "classes a,y",
            "classes are in one column, and the targets are a, y",
        ),
        (
            "no header",
            lines("1,2,3", |i| format!("{},{},{}", x(i), i, e(i))).into(),
            "y",
            "has no column `y`; its columns are 1, 2, 3",
        ),
        (
            "half a packed file",
            vec![0x1f, 0x8b, 8, 0, 0],
            "y",
            "cannot be read",
        ),
        (
            "a page of the web",
            b"<!doctype html>\n<html></html>\n".to_vec(),
            "y",
            "has no column `y`",
        ),
    ];
    assert!(cases.len() >= 40);
    for (what, text, targets, words) in cases {
        match diagnose(&text, targets) {
            Ok(_) => unreachable!("{what} is taken"),
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains(words), "{what}: {said}");
            }
        }
    }
}

/// Each table, what is asked of it, the rows that are used, and words on what was left out (none where nothing is).
#[test]
fn what_can_be_used_is_used_and_the_rest_is_said() {
    let with = |from: &str, to: &str| good().replace(from, to);
    let packed = |text: String| {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let gap = |gap: &str| {
        let text = good();
        let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
        all[3] = format!("{gap},1,2");
        all[10] = format!("1,{gap},2");
        all.join("\n")
    };
    let cases: Vec<(&str, Vec<u8>, &str, u64, &str)> = vec![
        ("as it should be", good().into(), "y", 40, ""),
        (
            "a byte-order mark",
            format!("\u{feff}{}", good()).into(),
            "y",
            40,
            "",
        ),
        (
            "lines that end as in Windows",
            with("\n", "\r\n").into(),
            "y",
            40,
            "",
        ),
        (
            "no end of the last line",
            good().trim_end().into(),
            "y",
            40,
            "",
        ),
        ("empty lines", with("\n", "\n\n").into(), "y", 40, ""),
        ("semicolons", with(",", ";").into(), "y", 40, ""),
        ("tabs", with(",", "\t").into(), "y", 40, ""),
        ("bars", with(",", "|").into(), "y", 40, ""),
        ("spaces about entries", with(",", " , ").into(), "y", 40, ""),
        (
            "quoted names",
            with("a,b,y", "\"a\",\"b, too\",y").into(),
            "y",
            40,
            "",
        ),
        ("packed", packed(good()), "y", 40, ""),
        (
            "a nameless column",
            with("a,b,y", ",b,y").into(),
            "y",
            40,
            "`column 1` is a column without a name, and is taken for an input",
        ),
        (
            "empty entries",
            gap("").into(),
            "y",
            38,
            "2 rows with gaps were left out (the first: line 4, column `a`).",
        ),
        ("NA", gap("NA").into(), "y", 38, "2 rows with gaps"),
        ("NaN", gap("NaN").into(), "y", 38, "2 rows with gaps"),
        (
            "a question mark",
            gap("?").into(),
            "y",
            38,
            "2 rows with gaps",
        ),
        (
            "gaps in a column that is not used",
            gap("").into(),
            "y without a",
            39,
            "1 row with a gap was left out (the first: line 11, column `b`).",
        ),
        (
            "a column of words",
            lines("a,w,y", |i| format!("{},red,{}", x(i), x(i) + e(i))).into(),
            "y",
            40,
            "The column `w` holds words",
        ),
        (
            "a column of words with gaps",
            lines("a,w,y", |i| {
                format!(
                    "{},{},{}",
                    x(i),
                    if i == 3 { "" } else { "red" },
                    x(i) + e(i)
                )
            })
            .into(),
            "y",
            40,
            "The column `w` holds words",
        ),
        (
            "dates",
            lines("d,a,y", |i| {
                format!("2020-01-{:02},{},{}", i % 28 + 1, x(i), x(i) + e(i))
            })
            .into(),
            "y",
            40,
            "The column `d` holds words",
        ),
        (
            "a constant input",
            lines("a,k,y", |i| format!("{},7,{}", x(i), x(i) + e(i))).into(),
            "y",
            40,
            "the same value in every row were left out: `k`",
        ),
        (
            "an input twice",
            lines("a,b,y", |i| format!("{},{},{}", x(i), x(i), x(i) + e(i))).into(),
            "y",
            40,
            "linear functions of those before them: `b`",
        ),
        (
            "an input that is the sum of others",
            lines("a,b,c,y", |i| {
                format!("{},{},{},{}", x(i), e(i + 3), x(i) + e(i + 3), x(i) + e(i))
            })
            .into(),
            "y",
            40,
            "before them: `c`",
        ),
        (
            "large numbers that hardly differ",
            lines("a,y", |i| format!("{},{}", 1e9 + x(i), 1e9 + x(i) + e(i))).into(),
            "y",
            40,
            "",
        ),
        (
            "classes in words",
            lines("a,y", |i| format!("{},{}", x(i), ["red", "blue"][i % 2])).into(),
            "y",
            40,
            "",
        ),
        (
            "classes in numbers",
            lines("a,y", |i| format!("{},{}", x(i), i % 3)).into(),
            "classes y",
            40,
            "",
        ),
    ];
    for (what, text, targets, rows, words) in cases {
        let found =
            diagnose(&text, targets).unwrap_or_else(|error| unreachable!("{what}: {error}"));
        assert_eq!(found.rows, rows, "{what}");
        let said = found.left_out.join(" ");
        assert!(
            said.contains(words) && said.is_empty() == words.is_empty(),
            "{what}: {said}"
        );
    }
}

/// Numbers far from 0 say the same as near it, and units do not matter.
#[test]
fn neither_origin_nor_units_change_what_is_found() {
    let near = diagnose(good().as_bytes(), "y").unwrap();
    let moved = lines("a,b,y", |i| {
        format!("{},{},{}", 1e6 + x(i), 1e-6 * e(i + 7), x(i) + e(i) - 1e6)
    });
    let far = diagnose(moved.as_bytes(), "y").unwrap();
    let noise = |of: &Diagnosis| of.noise.covariance[(0, 0)];
    assert!(
        (noise(&far) / noise(&near) - 1.0).abs() < 1e-6,
        "{} {}",
        noise(&far),
        noise(&near)
    );
}

/// Classes are told in the order in which they are seen, and a class that is seen late is 0 in all rows before.
#[test]
fn classes_are_shares_and_their_noise_sums_to_zero() {
    let text = lines("a,y", |i| {
        format!(
            "{},{}",
            x(i),
            ["blue", "red", "green"][if i < 30 { i % 2 } else { 2 }]
        )
    });
    let found = diagnose(text.as_bytes(), "y").unwrap();
    let names: Vec<&str> = found
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    assert_eq!(names, ["blue", "red", "green"]);
    let shares: Vec<f64> = found
        .outputs
        .iter()
        .filter_map(|output| output.share)
        .collect();
    assert!(
        shares
            .iter()
            .zip([0.375, 0.375, 0.25])
            .all(|(a, b)| (a - b).abs() < 1e-12),
        "{shares:?}"
    );
    let noise = &found.noise.covariance;
    for i in 0..3 {
        let sum: f64 = (0..3).map(|j| noise[(i, j)]).sum();
        assert!(sum.abs() < 1e-12, "{sum}");
    }
    assert_eq!(found.noise_spectrum.len(), 2);
    assert!(found.sharpness.value >= found.min_sharpness.value);
}

/// True and false are 1 and 0 among inputs and several targets, and classes as the only target.
#[test]
fn truth_is_a_number_or_a_class() {
    let table = |said: [&str; 2]| {
        lines("a,b,y", |i| {
            let said = |at: usize| said[(x(at) > 20.0) as usize];
            format!("{},{},{}", x(i), said(i + 3), said(i + 5))
        })
    };
    let words = table(["False", "TRUE"]);
    let mut rows = TableRows::new(Csv::new(words.as_bytes()).unwrap(), &asked("y")).unwrap();
    Gathered::new(&mut rows, 0).unwrap();
    assert_eq!(rows.input_names(), ["a", "b"]);
    assert!(rows.classes() && rows.left_out().is_empty());
    let mut names = rows.target_names();
    names.sort();
    assert_eq!(names, ["false", "true"]);

    let (words, numbers) = (words.as_bytes(), table(["0", "1"]));
    let [of_words, of_numbers] = [words, numbers.as_bytes()].map(|text| diagnose(text, "b,y"));
    assert_eq!(
        of_words.unwrap().noise.covariance,
        of_numbers.unwrap().noise.covariance
    );
}

/// A column that is left out because it holds words drops no row, wherever its first words stand.
#[test]
fn gaps_in_a_column_of_words_drop_no_row() {
    for first in [0, 20, 39] {
        let table = lines("a,note,y", |i| {
            let note = if i == first { "late" } else { "" };
            format!("{},{note},{}", x(i), x(i) + e(i))
        });
        let mut rows = TableRows::new(Csv::new(table.as_bytes()).unwrap(), &asked("y")).unwrap();
        let gathered = Gathered::new(&mut rows, 0).unwrap();
        assert_eq!(gathered.rows, 40, "{first}");
        assert!(
            rows.left_out()[0].contains("`note` holds words"),
            "{:?}",
            rows.left_out()
        );
    }
    // A mistake that was read ahead is still told with its line.
    let mut table = lines("a,note,y", |i| format!("{},,{}", x(i), e(i)));
    table = table.replacen("\n", "\n1,,x\n2,,3\n", 1);
    let error = diagnose(table.as_bytes(), "y").unwrap_err().to_string();
    assert!(error.starts_with("line 2, column `y`"), "{error}");
}

/// What stands within quotation marks divides no columns, and an index that pandas wrote is told of.
#[test]
fn quoted_names_divide_nothing_and_an_index_is_told_of() {
    let table = lines("\"a; b; c\",Unnamed: 0,y", |i| {
        format!("{},{i},{}", x(i), x(i) + e(i))
    });
    let mut rows = TableRows::new(Csv::new(table.as_bytes()).unwrap(), &asked("y")).unwrap();
    Gathered::new(&mut rows, 0).unwrap();
    assert_eq!(rows.input_names(), ["a; b; c", "Unnamed: 0"]);
    assert!(
        rows.left_out()[0].contains("column without a name"),
        "{:?}",
        rows.left_out()
    );
}

/// The linear fit of characters as 0 and 1 is the table of which follows which: Σε is the mean of diag q − q qᵀ over what came before.
#[test]
fn a_texts_noise_is_that_of_its_bigrams() {
    let mut text = String::new();
    let mut state = 1u64;
    for _ in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let draw = (state >> 33) % 4;
        // After `a` a fair coin, after `b` three of four.
        let last = text.ends_with('a');
        text.push(if draw < if last { 2 } else { 3 } {
            'b'
        } else {
            'a'
        });
    }
    let mut rows = TextRows::new(&text).unwrap();
    assert!(rows.classes());
    let settings = Settings {
        resamples: Some(0),
        ..Settings::default()
    };
    let found = Diagnosis::new(&Gathered::new(&mut rows, 0).unwrap(), &settings).unwrap();
    // `a` has share 1/3: the variance of its indicator is (1/3)(1/4) + (2/3)(3/16) = 5/24.
    let noise = found.noise.covariance[(0, 0)];
    assert!((noise - 5.0 / 24.0).abs() < 0.01, "{noise}");
}

#[test]
fn the_book_that_ships_is_read_by_its_name() {
    let mut rows = super::open_rows(std::path::Path::new("alice"), &Columns::default()).unwrap();
    let (mut row, mut count) = (super::Row::default(), 0);
    while rows.read(&mut row).unwrap() {
        count += 1;
    }
    assert_eq!((count, row.targets.len()), (148_330, 61));
    assert_eq!(rows.left_out().len(), 1, "70 kinds of character");
}
