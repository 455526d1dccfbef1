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
pub fn outcome<'env, T: ToNapiValue>(env: &Env, result: zoetrope_core::Result<T>) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    match result {
        Ok(value) => {
            object.set_named_property("ok", true)?;
            object.set_named_property("value", value)?;
        }
        Err(error) => {
            object.set_named_property("ok", false)?;
            object.set_named_property("failure", NativeFailure::from(error))?;
        }
    }
    Ok(object)
}

/// A promise of an outcome, and the callback that settles it from any thread.
///
/// `convert` runs on JavaScript's thread, when the promise is settled; a panic of it is an outcome as well.
pub fn promise<'env, T, V>(
    env: &'env Env,
    convert: impl FnOnce(Env, T) -> napi::Result<V> + Send + 'static,
) -> napi::Result<(impl FnOnce(zoetrope_core::Result<T>) + Send + 'static, Object<'env>)>
where
    T: Send + 'static,
    V: ToNapiValue + 'static,
{
    let (deferred, promise) = env.create_deferred()?;
    let settle = move |result: zoetrope_core::Result<T>| {
        deferred.resolve(move |env: Env| {
            let convert = |value| convert(env, value).and_then(|value| outcome(&env, Ok(value)));
            result
                .and_then(|value| contain(|| Ok(convert(value))))
                .unwrap_or_else(|error| outcome(&env, Err::<V, _>(error)))
        });
    };
    Ok((settle, promise))
}
