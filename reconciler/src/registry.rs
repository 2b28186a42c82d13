//! The only user of the registry protocol: tag listings, digests, credentials.
