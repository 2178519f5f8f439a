//! The commands of bpf(2): one file a family, one row a command.
//!
//! The rows of [`dispatch`] are the waist's implementation and the table that
//! `SUPPORT.md` is made from. A command without a row answers EINVAL, which is
//! what Linux answers for a number it does not know.
//!
//! The order in which a command checks its arguments is Linux's, because it
//! decides which errno answers.
//!
//! Answers to: __sys_bpf in kernel/bpf/syscall.c.

pub(crate) mod batch;
pub(crate) mod btf;
pub(crate) mod element;
pub(crate) mod ids;
pub(crate) mod info;
pub(crate) mod link;
pub(crate) mod log;
pub(crate) mod map;
pub(crate) mod prog;
pub(crate) mod test_run;

use std::sync::Arc;

use skep_abi::*;

use crate::Engine;
use crate::object::MapUser;
use crate::support::Level::{self, Partly, Yes};

macro_rules! dispatch {
    ($( $method:ident($type:ty) -> $out:ty = $run:path, $level:expr; )*) => {
        impl Bpf for Engine {
            fn close(&self, fd: Fd) -> Result<()> {
                self.files().close(fd)
            }

            fn resolve(&self, map: Fd) -> Result<MapRef> {
                Ok(Arc::new(MapUser::from(self.files().map(map)?)))
            }

            fn possible_cpus(&self) -> Result<u32> {
                Ok(self.cpus())
            }

            $(
                #[inline]
                fn $method(&self, cmd: &mut $type) -> Result<$out> {
                    $run(self, cmd)
                }
            )*
        }

        /// The commands that are there, and how far.
        pub(crate) const SUPPORT: &[(Cmd, Level)] = &[ $( (<$type as Attr<'_>>::CMD, $level) ),* ];
    };
}

dispatch! {
    map_create(MapCreate<'_>) -> Fd = map::create, Yes;
    map_lookup_elem(MapLookupElem<'_>) -> () = element::lookup, Yes;
    map_update_elem(MapUpdateElem<'_>) -> () = element::update, Yes;
    map_delete_elem(MapDeleteElem<'_>) -> () = element::delete, Yes;
    map_get_next_key(MapGetNextKey<'_>) -> () = element::next_key, Yes;
    map_lookup_and_delete_elem(MapLookupAndDeleteElem<'_>) -> () = element::lookup_and_delete, Yes;
    map_freeze(MapFreeze) -> () = map::freeze, Yes;
    map_lookup_batch(MapLookupBatch<'_>) -> () = batch::lookup, Partly("no map type has it yet: ENOTSUPP");
    map_lookup_and_delete_batch(MapLookupAndDeleteBatch<'_>) -> () = batch::lookup_and_delete, Partly("no map type has it yet: ENOTSUPP");
    map_update_batch(MapUpdateBatch<'_>) -> () = batch::update, Partly("no map type has it yet: ENOTSUPP");
    map_delete_batch(MapDeleteBatch<'_>) -> () = batch::delete, Partly("no map type has it yet: ENOTSUPP");
    prog_load(ProgLoad<'_>) -> Fd = prog::load, Partly("what registers hold is judged when the program runs; no signatures");
    prog_test_run(ProgTestRun<'_>) -> () = test_run::test_run, Partly("no live frames, no checksums of a device's");
    prog_bind_map(ProgBindMap) -> () = prog::bind_map, Yes;
    prog_get_next_id(ProgGetNextId) -> () = ids::prog_next, Yes;
    map_get_next_id(MapGetNextId) -> () = ids::map_next, Yes;
    btf_get_next_id(BtfGetNextId) -> () = ids::btf_next, Yes;
    link_get_next_id(LinkGetNextId) -> () = ids::link_next, Partly("there are no links yet: ENOENT");
    prog_get_fd_by_id(ProgGetFdById) -> Fd = ids::prog_fd, Yes;
    map_get_fd_by_id(MapGetFdById) -> Fd = ids::map_fd, Yes;
    btf_get_fd_by_id(BtfGetFdById) -> Fd = ids::btf_fd, Yes;
    link_get_fd_by_id(LinkGetFdById) -> Fd = ids::link_fd, Partly("there are no links yet: ENOENT");
    link_update(LinkUpdate) -> () = link::update, Partly("there are no links yet: EINVAL, EBADF");
    link_detach(LinkDetach) -> () = link::detach, Partly("there are no links yet: EINVAL, EBADF");
    iter_create(IterCreate) -> Fd = link::iterate, Partly("there are no links yet: EINVAL, EBADF");
    prog_stream_read_by_fd(ProgStreamRead<'_>) -> u32 = link::read_stream, Partly("programs print to no stream yet: it is empty");
    obj_get_info_by_fd(ObjGetInfoByFd<'_>) -> () = info::get, Yes;
    btf_load(BtfLoad<'_>) -> Fd = btf::load, Partly("the log says in one sentence what is wrong");
}
