//! The wishes of any bytes are read without harm, and what is written into a
//! component is read out of it.

#![no_main]

use baepo_runtime::plugin::inspect;
use baepo_runtime::plugin::wishes::{Wishes, with_wishes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(inspect(bytes, 1 << 20));
    if let Ok(Some(wishes)) = Wishes::read(bytes)
        && let Ok(written) = with_wishes(bytes, &wishes)
    {
        assert_eq!(
            Wishes::read(&written).ok().flatten().as_ref(),
            Some(&wishes)
        );
    }
});
