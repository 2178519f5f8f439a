//! What is known of a program, as a caller asks for it.
//!
//! Answers to: bpf_prog_get_info_by_fd in kernel/bpf/syscall.c.

use skep_abi::{Errno, Insn, ObjGetInfoByFd, ProgInfo, Result};

use super::Program;
use crate::command::info::{memory_at, read, reply};
use crate::object::Held;

/// Bytes of records.
const FUNC_INFO: u32 = skep_btf::ProgInfo::FUNC_INFO_SIZE;
const LINE_INFO: u32 = skep_btf::ProgInfo::LINE_INFO_SIZE;
const NATIVE_LINE_INFO: u32 = 8;
const TAG: usize = 8;

/// Gives the caller the first records of `bytes`: as many as there is room for.
fn give(cmd: &ObjGetInfoByFd<'_>, room: u32, size: u32, addr: u64, bytes: &[u8]) -> Result<()> {
    let len = (room as usize)
        .saturating_mul(size as usize)
        .min(bytes.len());
    match bytes.get(..len) {
        Some(bytes) if !bytes.is_empty() => memory_at(cmd, addr).write(bytes),
        _ => Ok(()),
    }
}

/// EINVAL if the caller means records of another size.
#[doc(alias = "check_info_rec_size")]
fn check_record(count: u32, size: u32, expected: u32) -> Result<()> {
    if (count != 0 || size != 0) && size != expected {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

impl Program {
    /// What is known of it, to a caller that may know everything if `all`.
    pub(crate) fn info(
        prog: &Held<Program>,
        cmd: &mut ObjGetInfoByFd<'_>,
        all: bool,
    ) -> Result<()> {
        let asked = ProgInfo::from_bytes(&read(cmd, ProgInfo::SIZE)?);
        check_record(asked.nr_func_info, asked.func_info_rec_size, FUNC_INFO)?;
        check_record(asked.nr_line_info, asked.line_info_rec_size, LINE_INFO)?;
        check_record(
            asked.nr_jited_line_info,
            asked.jited_line_info_rec_size,
            NATIVE_LINE_INFO,
        )?;
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let ids = prog.map_ids();
        let id_bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_ne_bytes()).collect();
        give(cmd, asked.nr_map_ids, 4, asked.map_ids, &id_bytes)?;
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(prog.digest) {
            *to = from;
        }
        let lines = prog.lines();
        let mut info = ProgInfo {
            prog_type: prog.prog_type(),
            id: prog.id(),
            tag,
            load_time: prog.load_time,
            created_by_uid: prog.uid,
            nr_map_ids: count(ids.len()),
            name: prog.name,
            gpl_compatible: u32::from(prog.gpl_compatible),
            btf_id: lines.map_or(0, |lines| lines.btf().id()),
            verified_insns: count(prog.insns.len()),
            // Native code is not there, and neither is anything that describes it.
            jited_prog_len: 0,
            nr_jited_ksyms: 0,
            nr_jited_func_lens: 0,
            nr_jited_line_info: 0,
            func_info_rec_size: FUNC_INFO,
            line_info_rec_size: LINE_INFO,
            jited_line_info_rec_size: NATIVE_LINE_INFO,
            nr_func_info: 0,
            nr_line_info: 0,
            nr_prog_tags: 0,
            ..asked
        };
        if all {
            prog.detail(cmd, &asked, &mut info)?;
        } else {
            info.xlated_prog_len = 0;
        }
        reply(cmd, &info.to_bytes())
    }

    /// What only those may see that may load programs.
    fn detail(
        &self,
        cmd: &ObjGetInfoByFd<'_>,
        asked: &ProgInfo,
        info: &mut ProgInfo,
    ) -> Result<()> {
        let code = Insn::encode_all(&self.insns);
        info.xlated_prog_len = u32::try_from(code.len()).unwrap_or(u32::MAX);
        if asked.xlated_prog_insns != 0 {
            give(
                cmd,
                asked.xlated_prog_len,
                1,
                asked.xlated_prog_insns,
                &code,
            )?;
        }
        info.nr_prog_tags = 1;
        give(
            cmd,
            asked.nr_prog_tags,
            TAG as u32,
            asked.prog_tags,
            &info.tag,
        )?;
        let Some(lines) = self.lines() else {
            return Ok(());
        };
        let records = lines.info();
        info.nr_func_info = u32::try_from(records.func_info.len()).unwrap_or(u32::MAX);
        info.nr_line_info = u32::try_from(records.line_info.len()).unwrap_or(u32::MAX);
        let functions = records.func_info_bytes();
        give(
            cmd,
            asked.nr_func_info,
            FUNC_INFO,
            asked.func_info,
            &functions,
        )?;
        let source = records.line_info_bytes();
        give(cmd, asked.nr_line_info, LINE_INFO, asked.line_info, &source)
    }
}
