//! Errors cross as data: what every call returns, at once or as a promise.

use napi::bindgen_prelude::{Env, JsObjectValue, Object, ToNapiValue};
use napi_derive::napi;
use zoetrope_core::{Error, contain};

/// An error as data; the facade throws it.
#[napi(object)]
pub struct NativeFailure {
    /// One of the facade's error codes, or `ERR_ABORTED`.
    pub code: String,
    /// Says what was expected, what came, and what to do.
    pub message: String,
    /// The error's facts by name.
    #[napi(ts_type = "Record<string, unknown>")]
    pub details: serde_json::Value,
}

impl From<Error> for NativeFailure {
    fn from(error: Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            details: error.details(),
        }
    }
}

/// `{ ok: true, value }` or `{ ok: false, failure }`.
pub fn outcome<'env, T: ToNapiValue, E: Into<NativeFailure>>(
    env: &Env,
    result: std::result::Result<T, E>,
) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    match result {
        Ok(value) => {
            object.set_named_property("ok", true)?;
            object.set_named_property("value", value)?;
        }
        Err(error) => {
            object.set_named_property("ok", false)?;
            object.set_named_property("failure", error.into())?;
        }
    }
    Ok(object)
}

/// A promise of an outcome, and the callback that settles it from any thread.
///
/// `convert` runs on JavaScript's thread, when the promise is settled; a panic of it is an outcome as well.
#[allow(clippy::type_complexity)] //      a callback cannot be named
pub fn promise<'env, T, V, E>(
    env: &'env Env,
    convert: impl FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
) -> napi::Result<(impl FnOnce(std::result::Result<T, E>) + Send + 'static, Object<'env>)>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
    E: Into<NativeFailure> + Send + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let settle = move |result: std::result::Result<T, E>| {
        deferred.resolve(move |env: Env| match result {
            Ok(value) => {
                let convert = || convert(env, value).and_then(|value| outcome(&env, Ok::<V, Error>(value)));
                contain(|| Ok(convert())).unwrap_or_else(|error| outcome(&env, Err::<V, _>(error)))
            }
            Err(error) => outcome(&env, Err::<V, _>(error)),
        });
    };
    Ok((settle, promise))
}
