//! Node-API binding of zoetrope-core: copies in, submits to the engine thread, resolves out.

mod batch;
mod model;
mod outcome;
mod pass;
mod runtime;
