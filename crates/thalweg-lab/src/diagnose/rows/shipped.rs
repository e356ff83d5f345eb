//! The tables that come with the program (`data/tables` of this crate has their sources).

macro_rules! table {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/data/tables/",
                $name,
                ".csv"
            )),
        )
    };
}

/// Each by its name.
pub const TABLES: [(&str, &[u8]); 3] = [table!("penguins"), table!("elections"), table!("economy")];
