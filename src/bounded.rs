//! Files that people name, read up to a bound: one that is endless, such as `/dev/zero`, takes no memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The whole text of a file of at most so many bytes.
pub fn read_to_string(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!(
            "it is larger than {} KiB, which is the most that is read",
            most / 1024
        );
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_refused_with_the_bound() {
        let error = read_to_string(Path::new("/dev/zero"), 64 * 1024).expect_err("too large");
        assert!(error.to_string().contains("64 KiB"), "{error}");
        assert_eq!(read_to_string(Path::new("/dev/null"), 1).expect("read"), "");
    }
}
