//! The profile: which node a program talks to, and as whom. A small TOML file written by `pki desk`.
//!
//! Found at `$XDG_CONFIG_HOME/allpoints/NAME.toml`, else `~/.config/allpoints/NAME.toml`.
//! Holds paths only, never a key.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::domain::id::AuthorityId;

/// Why a profile, or what it names, cannot be used. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A name that could lead out of the folder of profiles.
    #[error("expected a name of letters, digits, `-` or `_`")]
    Name,
    /// Nothing says where profiles are.
    #[error("neither XDG_CONFIG_HOME nor HOME is set, so there is no profile folder")]
    NoFolder,
    /// The file cannot be read.
    #[error("cannot read the profile {}: {error}", path.display())]
    Unread {
        /// What was looked for.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A key is wrong, missing or unknown.
    #[error("profile {}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The key, what was found and what was expected.
        what: String,
    },
    /// Its certificate, key or CA is missing, damaged or has run out.
    #[error("profile of {authority}: {what}")]
    Unusable {
        /// Whose desk it is for.
        authority: AuthorityId,
        /// Which file, and what is wrong with it.
        what: String,
    },
}

/// Where the own desk is, and what to show it. Paths are absolute after reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whose desk: the server must show this authority's name.
    pub authority: AuthorityId,
    /// `host:port` of the node's desk listener.
    pub endpoint: String,
    /// Own certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, mode 0600.
    pub key: PathBuf,
    /// The authority's desk CA, PEM.
    pub ca: PathBuf,
}

/// The file's keys, exactly.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    authority: String,
    endpoint: String,
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

impl Profile {
    /// Reads a profile by its name.
    ///
    /// # Errors
    /// Names the file that was looked for.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        Self::read(&path_of(name)?)
    }

    /// Reads a profile file. Relative paths in it start from its folder.
    ///
    /// # Errors
    /// Names the file and the wrong key.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let file = || path.to_path_buf();
        let text = std::fs::read_to_string(path).map_err(|error| ProfileError::Unread {
            path: file(),
            error,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder).map_err(|what| ProfileError::Wrong { path: file(), what })
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let file: ProfileFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let (host, port) = file
            .endpoint
            .rsplit_once(':')
            .ok_or("endpoint: expected host:port")?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(format!(
                "endpoint: expected host:port, found `{}`",
                file.endpoint.escape_default()
            ));
        }
        Ok(Self {
            authority: file
                .authority
                .parse()
                .map_err(|error| format!("authority: {error}"))?,
            endpoint: file.endpoint,
            certificate: folder.join(file.certificate),
            key: folder.join(file.key),
            ca: folder.join(file.ca),
        })
    }
}

fn path_of(name: &str) -> Result<PathBuf, ProfileError> {
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !plain {
        return Err(ProfileError::Name);
    }
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .ok_or(ProfileError::NoFolder)?;
    Ok(folder.join("allpoints").join(format!("{name}.toml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "authority = 'XA-POL'\nendpoint = '127.0.0.1:7443'\n\
        certificate = 'me.pem'\nkey = '/keys/me.key'\nca = 'ca.pem'\n";

    #[test]
    fn accepts_exactly_the_five_keys_and_roots_relative_paths_in_the_folder() {
        let profile = Profile::parse(GOOD, Path::new("/p")).unwrap();
        assert_eq!(profile.authority.as_str(), "XA-POL");
        assert_eq!(profile.certificate, Path::new("/p/me.pem"));
        assert_eq!(profile.key, Path::new("/keys/me.key"));
    }

    #[test]
    fn refuses_every_other_shape_and_names_the_key() {
        let cases = [
            (GOOD.replace("ca = ", "cas = "), "cas"),
            (GOOD.replace("ca = 'ca.pem'\n", ""), "ca"),
            (GOOD.replace("XA-POL", "xa-pol"), "authority"),
            (GOOD.replace(":7443", ""), "endpoint"),
            (GOOD.replace(":7443", ":99999"), "endpoint"),
        ];
        for (text, names) in cases {
            let error = Profile::parse(&text, Path::new("/p")).unwrap_err();
            assert!(error.contains(names), "{error} should name {names}");
        }
    }

    #[test]
    fn refuses_a_name_that_could_leave_the_folder() {
        for name in ["", "../x", "a/b", "a.b"] {
            assert!(matches!(path_of(name), Err(ProfileError::Name)), "{name}");
        }
    }
}
