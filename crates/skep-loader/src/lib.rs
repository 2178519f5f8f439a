//! skep-loader
