//! What every HTTP service of ours shares.
