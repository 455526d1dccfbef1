//! The safetensors format by hand, so that the tests do not read with the code they test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tch::{Device, Kind, Tensor};

use super::TestResult;

const KINDS: [(&str, Kind); 4] = [
    ("F32", Kind::Float),
    ("F64", Kind::Double),
    ("I64", Kind::Int64),
    ("U8", Kind::Uint8),
];

/// Named tensors and the file's own words about them.
#[derive(Debug)]
pub struct SafetensorsFile {
    pub tensors: BTreeMap<String, Tensor>,
    pub metadata: Map<String, Value>,
}

impl SafetensorsFile {
    pub fn read(path: &Path) -> TestResult<Self> {
        let content = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let length = u64::from_le_bytes(content.get(..8).ok_or("no header length")?.try_into()?) as usize;
        let data = content.get(8 + length..).ok_or("header longer than the file")?;
        let mut header: Map<String, Value> = serde_json::from_slice(&content[8..8 + length])?;
        let metadata = header
            .remove("__metadata__")
            .and_then(|entry| entry.as_object().cloned())
            .unwrap_or_default();
        let mut tensors = BTreeMap::new();
        for (name, entry) in header {
            let kind = KINDS
                .iter()
                .find(|(dtype, _)| entry["dtype"] == *dtype)
                .ok_or("dtype")?
                .1;
            let shape: Vec<i64> = serde_json::from_value(entry["shape"].clone())?;
            let [begin, end]: [usize; 2] = serde_json::from_value(entry["data_offsets"].clone())?;
            let bytes = data.get(begin..end).ok_or("data_offsets outside of the file")?;
            tensors.insert(name, Tensor::from_data_size(bytes, &shape, kind));
        }
        Ok(Self { tensors, metadata })
    }
}

/// Writes tensors in the order given.
pub fn write(path: &Path, tensors: &[(&str, &Tensor)], metadata: &[(&str, &str)]) -> TestResult {
    let mut header = Map::new();
    let words: Map<String, Value> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    header.insert("__metadata__".to_owned(), Value::Object(words));
    let mut data = Vec::new();
    for (name, tensor) in tensors {
        let dtype = KINDS.iter().find(|(_, kind)| *kind == tensor.kind()).ok_or("kind")?.0;
        let begin = data.len();
        data.extend(to_bytes(tensor));
        let entry = json!({ "dtype": dtype, "shape": tensor.size(), "data_offsets": [begin, data.len()] });
        header.insert((*name).to_owned(), entry);
    }
    let header = serde_json::to_vec(&Value::Object(header))?;
    let content = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    Ok(fs::write(path, content)?)
}

/// The tensor's elements in row-major order, little-endian.
pub fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    let tensor = tensor.to_device(Device::Cpu).contiguous();
    let count = tensor.numel();
    let mut bytes = vec![0; count * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, count);
    bytes
}
