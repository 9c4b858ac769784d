// Empty on purpose: cargo wants a target before it fetches what Cargo.toml names.
// SPDX-License-Identifier: Apache-2.0
