//! Image files made by hand, whole and broken.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

/// An IDX file of these sizes, its bytes counting up from `first`.
fn idx(sizes: &[u32], first: u8) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    let count = sizes.iter().product::<u32>();
    file.extend((0..count).map(|index| (u32::from(first) + index) as u8));
    file
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// Three training and two test images of 2 × 4 pixels; labels are packed, as anyone may have them.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write(TRAIN_IMAGES, &idx(&[3, 2, 4], 0));
    write(&format!("{TRAIN_LABELS}.gz"), &packed(&idx(&[3], 7)));
    write(&format!("{TEST_IMAGES}.gz"), &packed(&idx(&[2, 2, 4], 100)));
    write(TEST_LABELS, &idx(&[2], 0));
    folder
}

/// The error after `content` has taken the place of the file `name`.
fn error_with(name: &str, content: &[u8]) -> String {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let _ = fs::remove_file(path(&format!("{name}.gz")));
    fs::write(path(name), content).unwrap();
    let error = read_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
    error
}

#[test]
fn a_folder_is_read_packed_or_not() {
    let set = read_folder(folder().path()).unwrap();
    assert_eq!((set.train.len(), set.test.len()), (3, 2));
    assert_eq!((set.train.height, set.train.width), (2, 4));
    assert_eq!(set.train.pixels, (0..24).collect::<Vec<u8>>());
    assert_eq!(set.train.labels, [7, 8, 9]);
    assert_eq!(set.test.pixels[0], 100);
    let [train, test] = set.features(Pixels::Unit);
    assert_eq!((train.nrows(), train.ncols()), (8, 3));
    assert_eq!(train[(1, 2)], 17.0 / 255.0);
    assert_eq!(test[(0, 1)], 108.0 / 255.0);
}

/// The names of a set's files, in the order of [`folder`]'s, with `part` for those to test on.
fn names(prefix: &str, part: &str, separator: &str) -> [String; 4] {
    [
        ("train", "images", 3),
        ("train", "labels", 1),
        (part, "images", 3),
        (part, "labels", 1),
    ]
    .map(|(part, what, n)| format!("{prefix}{part}-{what}{separator}idx{n}-ubyte"))
}

/// Puts [`folder`]'s set into `to` under these names, its images counting up from `first`.
fn put(to: &Path, names: &[String; 4], first: u8, packing: bool) {
    let contents = [
        idx(&[3, 2, 4], first),
        idx(&[3], 7),
        idx(&[2, 2, 4], 100),
        idx(&[2], 0),
    ];
    for (name, content) in names.iter().zip(contents) {
        if packing {
            fs::write(to.join(format!("{name}.gz")), packed(&content)).unwrap();
        } else {
            fs::write(to.join(name), content).unwrap();
        }
    }
}

/// gzip of several members is the content of all, wherever it was cut, also where a member is empty.
#[test]
fn packed_files_of_several_members_are_read_whole() {
    let folder = folder();
    let whole = read_folder(folder.path()).unwrap();
    let images = idx(&[3, 2, 4], 0);
    for cut in [0, 1, 3, 9, 16, 20, images.len()] {
        let members = [&images[..cut], &[], &images[cut..]].map(packed);
        fs::remove_file(folder.path().join(TRAIN_IMAGES)).unwrap_or_default();
        let path = folder.path().join(format!("{TRAIN_IMAGES}.gz"));
        fs::write(&path, members.concat()).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap(), whole, "cut at {cut}");
        // As tapes leave it, which write whole blocks.
        fs::write(&path, [members.concat(), vec![0; 512]].concat()).unwrap();
        assert_eq!(read_folder(folder.path()).unwrap(), whole, "padded");
        // The second member is missing: still cut off.
        if (1..images.len()).contains(&cut) {
            fs::write(&path, &members[0]).unwrap();
            let error = read_folder(folder.path()).unwrap_err().to_string();
            assert!(error.contains(TRAIN_IMAGES), "{error}");
        }
    }
}

/// Names with a dot, as some unpackers write them, and EMNIST's.
#[test]
fn other_names_for_the_same_files_are_found() {
    let whole = read_folder(folder().path()).unwrap();
    for names in [
        names("", "t10k", "."),
        names("", "test", "-"),
        names("emnist-letters-", "test", "-"),
        names("emnist-balanced-", "test", "."),
    ] {
        for packing in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            put(folder.path(), &names, 0, packing);
            assert_eq!(read_folder(folder.path()).unwrap(), whole, "{names:?}");
        }
    }
}

/// EMNIST's six sets come in one folder: which is meant must be said, and can be.
#[test]
fn one_of_several_sets_is_chosen_by_its_names_beginning() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        &names("emnist-letters-", "test", "-"),
        1,
        true,
    );
    put(
        folder.path(),
        &names("emnist-digits-", "test", "-"),
        2,
        true,
    );
    let error = read_folder(folder.path()).unwrap_err().to_string();
    let way = folder.path().join("emnist-digits");
    for words in ["2 sets", "emnist-letters", &way.display().to_string()] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
    for (name, first) in [
        ("emnist-digits", 2),
        ("emnist-letters", 1),
        ("emnist-letters-", 1),
    ] {
        let set = read_folder(&folder.path().join(name)).unwrap();
        assert_eq!(set.train.pixels[0], first, "{name}");
    }
    let error = read_folder(&folder.path().join("emnist-byclass"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("emnist-byclass has no"), "{error}");

    // MNIST's own names are the folder's, whatever lies beside them.
    put(folder.path(), &names("", "t10k", "-"), 0, false);
    assert_eq!(read_folder(folder.path()).unwrap().train.pixels[0], 0);
}

#[test]
fn standardised_pixels_have_the_training_sets_mean_and_deviation() {
    let set = read_folder(folder().path()).unwrap();
    let [train, test] = set.features(Pixels::Standardised);
    let mean = train.sum() / 24.0;
    let variance = train.squared_norm_l2() / 24.0 - mean * mean;
    assert!(
        mean.abs() < 1e-14 && (variance - 1.0).abs() < 1e-12,
        "{mean} {variance}"
    );
    // 0 … 23 have the mean 11.5 and the variance (24² − 1)/12.
    let expected = (100.0 - 11.5) / (575.0f64 / 12.0).sqrt();
    assert!((test[(0, 0)] - expected).abs() < 1e-12);
}

#[test]
fn broken_files_are_named_with_what_is_wrong() {
    let images = idx(&[3, 2, 4], 0);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            TRAIN_IMAGES,
            vec![],
            "begins with 0x00000000: 0x00000803 is needed",
        ),
        (TRAIN_IMAGES, idx(&[24], 0), "begins with 0x00000801"),
        (
            TRAIN_IMAGES,
            b"<html>not found</html>".to_vec(),
            "begins with 0x3c68746d",
        ),
        (
            TEST_LABELS,
            idx(&[2, 2, 4], 0),
            "0x00000801 is needed for IDX labels",
        ),
        (TRAIN_IMAGES, images[..10].to_vec(), "states [3, "),
        (
            TRAIN_IMAGES,
            images[..30].to_vec(),
            "holds 14 bytes of data",
        ),
        (
            TRAIN_IMAGES,
            [&images[..], &[0]].concat(),
            "holds 25 bytes of data",
        ),
        (
            TRAIN_IMAGES,
            packed(&images)[..20].to_vec(),
            "does not unpack",
        ),
        (TRAIN_IMAGES, b"\x1f\x8bnothing".to_vec(), "does not unpack"),
        (TRAIN_IMAGES, packed(b""), "begins with 0x00000000"),
        (TRAIN_LABELS, idx(&[4], 0), "3 images and"),
        (TEST_IMAGES, idx(&[2, 4, 2], 0), "4 × 2 pixels"),
    ];
    for (name, content, words) in cases {
        let error = error_with(name, &content);
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
    let mut damaged = packed(&images);
    let last = damaged.len() - 1;
    damaged[last - 5] ^= 1;
    assert!(error_with(TRAIN_IMAGES, &damaged).contains("does not unpack"));
}

/// Sizes whose product overflows, or asks for more memory than there is, are refused unread.
#[test]
fn impossible_sizes_are_refused() {
    for sizes in [[u32::MAX; 3], [1 << 16, 1 << 10, 1 << 10], [0, 28, 28]] {
        let mut content = vec![0, 0, 8, 3];
        content.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        let error = error_with(TRAIN_IMAGES, &content);
        assert!(
            error.contains(&format!("{sizes:?} as its sizes")),
            "{error}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder();
    fs::remove_file(folder.path().join(TEST_LABELS)).unwrap();
    let error = read_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains(TEST_LABELS), "{error}");
    let nowhere = read_folder(Path::new("/nowhere")).unwrap_err().to_string();
    assert!(nowhere.contains("/nowhere"), "{nowhere}");
}

/// The digits that come with the program: 28 × 28, every class in both parts.
#[test]
fn the_built_in_digits_are_whole() {
    let set = builtin().unwrap();
    for (images, count) in [(&set.train, 8000), (&set.test, 2000)] {
        assert_eq!((images.len(), images.height, images.width), (count, 28, 28));
        for class in 0..10 {
            let members = images
                .labels
                .iter()
                .filter(|&&label| label == class)
                .count();
            assert!(
                (count / 15..count / 6).contains(&members),
                "{members} of class {class}"
            );
        }
        assert!(images.labels.iter().all(|&label| label < 10));
    }
    // Of the full training set, as everyone who uses MNIST knows: 0.1307 and 0.3081.
    let (mean, deviation) = moments(&set.train.pixels);
    assert!(
        (mean - 0.1307).abs() < 0.005 && (deviation - 0.3081).abs() < 0.005,
        "{mean} {deviation}"
    );
}
