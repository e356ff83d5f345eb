//! Builds the book: `cargo run --manifest-path docs/builder/Cargo.toml` writes `target/book/index.html`.
//!
//! The sources under `docs/` are an ordinary mdBook with formulas between dollar signs, as GitHub
//! shows them. Here the formulas become MathML before mdBook sees the page, so the finished book
//! needs no JavaScript library and no network.

mod breaks;
mod math;

use std::path::Path;
use std::process::ExitCode;

use mdbook_driver::MDBook;
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::errors::{Error, Result};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// The step that turns formulas into MathML, as mdBook calls it.
struct Formulas;

impl Preprocessor for Formulas {
    fn name(&self) -> &str {
        "formulas"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let mut outcome = Ok(());
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                match math::to_mathml(&chapter.content) {
                    Ok(content) => chapter.content = content,
                    Err(error) => {
                        outcome = Err(Error::new(error).context(chapter.name.clone()));
                    }
                }
            }
        });
        outcome.map(|()| book)
    }
}

fn build() -> Result<std::path::PathBuf> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut book = MDBook::load(docs)?;
    book.with_preprocessor(Formulas);
    book.build()?;
    Ok(book.build_dir_for("html").join("index.html"))
}

fn main() -> ExitCode {
    match build() {
        Ok(page) => {
            println!("{}", page.canonicalize().unwrap_or(page).display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the book was not built: {error:#}");
            ExitCode::FAILURE
        }
    }
}
