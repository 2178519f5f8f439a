//! Loading types.
//!
//! Answers to: bpf_btf_load in kernel/bpf/syscall.c, btf_new_fd and btf_parse in
//! kernel/bpf/btf.c.

use skep_abi::flags::map as flag;
use skep_abi::{BtfLoad, Errno, Fd, Result};
use skep_btf::{Btf, MAX_SIZE};

use super::log::Log;
use crate::limit::Charge;
use crate::object::{BtfObject, Object};
use crate::{Capabilities, Engine};

/// `BPF_BTF_LOAD`
pub(crate) fn load(engine: &Engine, cmd: &mut BtfLoad<'_>) -> Result<Fd> {
    if cmd.btf_flags & !flag::TOKEN_FD != 0 {
        return Err(Errno::EINVAL);
    }
    if cmd.btf_flags & flag::TOKEN_FD != 0 {
        return Err(engine.files().not_a_token(cmd.token_fd));
    }
    engine.credential().require(Capabilities::BPF)?;
    if cmd.btf_size as usize > MAX_SIZE {
        return Err(Errno::E2BIG);
    }
    let mut log = Log::begin(cmd.log_level, cmd.log_size, &cmd.log_buf)?;
    let object = parse(engine, cmd, &mut log);
    log.finish(&mut cmd.log_buf, &mut cmd.log_true_size)?;
    let (object, charge) = object?;
    let btf = engine.btfs().add_keeping(object, charge)?;
    engine.files().open(Object::Btf(btf))
}

fn parse(engine: &Engine, cmd: &BtfLoad<'_>, log: &mut Log) -> Result<(BtfObject, Charge)> {
    let bytes = cmd.btf.to_vec(cmd.btf_size as usize)?;
    let charge = engine.memory().charge(bytes.len() as u64)?;
    let btf = Btf::load(&bytes).map_err(|error| {
        log.write(&format!("{error}\n"));
        error.errno()
    })?;
    log.write(&format!("{} types in {} bytes\n", btf.len(), bytes.len()));
    let bytes = bytes.into();
    Ok((BtfObject { btf, bytes }, charge))
}
