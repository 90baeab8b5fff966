//! Compiles the contract to Rust without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(
        ["pantau/v1/pantau.proto", "pantau/v1/enrolment.proto", "pantau/v1/bundle.proto"],
        ["proto"],
    )?;
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::Weighed")
        .compile_fds(files)?;
    Ok(())
}
