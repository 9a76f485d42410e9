//! Certificate authorities, certificates, revocation lists and the folder that an authority keeps them in.
