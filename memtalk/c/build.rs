//! How the shared library is linked: its soname, and that it stays loaded.

fn main() {
    let number = |part| std::env::var(format!("CARGO_PKG_VERSION_{part}")).unwrap_or_default();
    // What semantic versioning calls compatible has one soname. Before 1.0 that is a minor
    // version.
    let soname = match (number("MAJOR"), number("MINOR")) {
        (major, minor) if major == "0" => format!("libmemtalk.so.0.{minor}"),
        (major, _) => format!("libmemtalk.so.{major}"),
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // Its threads run until the last talk ends, and dlclose(3) must not unmap their code.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
}
