//! An OCI image layout: blobs by digest, and an index that names the image.

use std::io;
use std::path::Path;

use flate2::Compression;
use harness::archive::{architecture, gzip, sha256};
use serde_json::{Value, json};

/// What the layout's image is made of.
pub(crate) struct Image {
    /// Archives, the lowest first.
    pub(crate) layers: [Vec<u8>; 2],
    /// The program that runs.
    pub(crate) entrypoint: String,
    /// User and group it runs as.
    pub(crate) user: u32,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Writes the image, in place of what is in the folder, and returns the digest of its manifest.
pub(crate) fn write(folder: &Path, image: &Image, compression: Compression) -> io::Result<String> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder.join("blobs/sha256"))?;
    let mut layers = Vec::new();
    for tar in &image.layers {
        layers.push(blob(folder, LAYER, &gzip(tar, compression)?)?);
    }
    let config = blob(folder, CONFIG, &bytes(&config(image)))?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": layers,
    });
    let mut manifest = blob(folder, MANIFEST, &bytes(&manifest))?;
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["annotations"] =
        json!({ "org.opencontainers.image.ref.name": env!("CARGO_PKG_VERSION") });
    manifest["platform"] = platform();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(folder.join("index.json"), bytes(&index))?;
    let version = json!({ "imageLayoutVersion": "1.0.0" });
    std::fs::write(folder.join("oci-layout"), bytes(&version))?;
    Ok(digest)
}

/// How the image is run.
fn config(image: &Image) -> Value {
    let mut config = platform();
    config["config"] = json!({
        "User": format!("{0}:{0}", image.user),
        "Entrypoint": [image.entrypoint],
        "Env": ["PATH=/usr/bin"],
        "WorkingDir": "/",
        "Labels": {
            "org.opencontainers.image.title": "imgauto",
            "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
            "org.opencontainers.image.licenses": "Apache-2.0",
        },
    });
    let layers = image.layers.iter().map(|tar| digest(tar));
    config["rootfs"] = json!({ "type": "layers", "diff_ids": layers.collect::<Vec<_>>() });
    config
}

/// The machine's.
fn platform() -> Value {
    json!({ "architecture": architecture(), "os": "linux" })
}

/// Writes a blob and returns its descriptor.
fn blob(folder: &Path, media_type: &str, contents: &[u8]) -> io::Result<Value> {
    let digest = digest(contents);
    std::fs::write(
        folder.join("blobs").join(digest.replace(':', "/")),
        contents,
    )?;
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": contents.len() }))
}

/// The digest of a blob.
pub(crate) fn digest(contents: &[u8]) -> String {
    format!("sha256:{}", sha256(contents))
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
