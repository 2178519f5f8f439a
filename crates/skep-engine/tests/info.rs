//! OBJ_GET_INFO_BY_FD, MAP_CREATE's names and types, and BTF_LOAD.

mod common;

use common::*;
use skep_abi::flags::map as flag;
use skep_abi::*;
use skep_engine::Engine;

/// Asks for `len` bytes of information into a buffer that holds `before`.
fn ask(engine: &Engine, fd: Fd, before: &[u8], len: u32) -> Result<(u32, Vec<u8>)> {
    let mut bytes = before.to_vec();
    let mut cmd = ObjGetInfoByFd {
        bpf_fd: fd,
        info_len: len,
        info: UserOut::new(&mut bytes),
    };
    engine.obj_get_info_by_fd(&mut cmd)?;
    let len = cmd.info_len;
    Ok((len, bytes))
}

#[test]
fn a_map_tells_what_it_was_made_from() {
    let engine = Engine::new();
    let mut cmd = MapCreate {
        map_name: Name::cut("packets.v4"),
        map_flags: flag::NO_PREALLOC | flag::RDONLY | flag::RDONLY_PROG,
        ..spec(MapType::HASH)
    };
    let fd = engine.map_create(&mut cmd).unwrap();
    let expected = MapInfo {
        map_type: MapType::HASH,
        id: 1,
        key_size: 4,
        value_size: 8,
        max_entries: 4,
        map_flags: flag::NO_PREALLOC | flag::RDONLY_PROG,
        name: Name::cut("packets.v4"),
        ..MapInfo::default()
    };
    assert_eq!(MapInfo::get(&engine, fd), Ok(expected));
}

#[test]
fn a_name_ends_at_its_nul_and_is_made_of_name_bytes() {
    let engine = Engine::new();
    let shown = |bytes: &[u8]| {
        let mut name = [0; Name::LEN];
        name[..bytes.len()].copy_from_slice(bytes);
        let mut cmd = MapCreate {
            map_name: Name::from_bytes(name),
            ..spec(MapType::ARRAY)
        };
        let fd = engine.map_create(&mut cmd)?;
        MapInfo::get(&engine, fd).map(|info| info.name.to_text())
    };
    assert_eq!(shown(b"a\0b").as_deref(), Ok("a"));
    assert_eq!(shown(b"\0b").as_deref(), Ok(""));
    assert_eq!(shown(b"a.b_C9").as_deref(), Ok("a.b_C9"));
    assert_eq!(shown(b"123456789012345").as_deref(), Ok("123456789012345"));
    // Linux takes the letters of Latin-1.
    assert!(shown(b"\xe9").is_ok());
    for wrong in [b"1234567890123456".as_slice(), b"a-b", b" ", b"\x80"] {
        assert_eq!(shown(wrong), Err(Errno::EINVAL));
    }
}

#[test]
fn information_is_cut_to_the_room_and_never_longer_than_it_is() {
    let engine = Engine::new();
    let fd = new_map(&engine, MapType::ARRAY);
    let whole = MapInfo::get(&engine, fd).unwrap().to_bytes();
    for len in [0usize, 1, 4, 40, 100, 103, 104, 105, 4096] {
        let (written, bytes) = ask(&engine, fd, &vec![0; 4096], len as u32).unwrap();
        let most = len.min(MapInfo::SIZE);
        assert_eq!(written as usize, most);
        assert_eq!(bytes[..most], whole[..most], "{len}");
        assert!(bytes[most..].iter().all(|&byte| byte == 0));
    }
    let too_long = ask(&engine, fd, &vec![0; 5000], 4097);
    assert_eq!(too_long, Err(Errno::E2BIG));
    assert_eq!(ask(&engine, fd, &[0; 8], 9), Err(Errno::EFAULT));
    assert_eq!(ask(&engine, fd, &[], 1), Err(Errno::EFAULT));
    assert_eq!(ask(&engine, fd, &[], 0).map(|(len, _)| len), Ok(0));
}

#[test]
fn what_is_past_the_known_fields_must_be_zero() {
    let engine = Engine::new();
    let map = new_map(&engine, MapType::ARRAY);
    let btf = load_btf(&engine, &int_btf()).unwrap();
    let with = |at: usize| {
        let mut bytes = vec![0; 200];
        bytes[at] = 7;
        bytes
    };
    let answer = |fd, at, len| ask(&engine, fd, &with(at), len).err();
    // The fields of a map's information end at 100, its structure at 104.
    assert_eq!(answer(map, 100, 100), None);
    assert_eq!(answer(map, 100, 101), Some(Errno::E2BIG));
    assert_eq!(answer(map, 103, 103), None);
    assert_eq!(answer(map, 103, 104), Some(Errno::E2BIG));
    assert_eq!(answer(map, 104, 104), None);
    assert_eq!(answer(map, 104, 105), Some(Errno::E2BIG));
    assert_eq!(
        answer(map, 50, 104),
        None,
        "fields that are written may hold anything"
    );
    assert_eq!(answer(btf, 32, 32), None);
    assert_eq!(answer(btf, 32, 33), Some(Errno::E2BIG));
    assert_eq!(answer(btf, 28, 32), None);
}

#[test]
fn the_digest_of_a_frozen_array() {
    let mem = Memory::new();
    let engine = Engine::new();
    let digest = |fd: Fd, addr: u64, size: u32| {
        let info = MapInfo {
            hash: addr,
            hash_size: size,
            ..MapInfo::default()
        };
        mem.write(0, &info.to_bytes()).unwrap();
        let mut cmd = ObjGetInfoByFd {
            bpf_fd: fd,
            info_len: MapInfo::SIZE as u32,
            info: UserOut::remote(0, &mem),
        };
        engine.obj_get_info_by_fd(&mut cmd)?;
        let mut found = [0; 32];
        mem.read(addr, &mut found)?;
        Ok(found.map(|byte| format!("{byte:02x}")).concat())
    };
    let mut cmd = MapCreate {
        value_size: 12,
        max_entries: 3,
        ..spec(MapType::ARRAY)
    };
    let array = engine.map_create(&mut cmd).unwrap();
    let value = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2];
    let map = engine.resolve(array).unwrap();
    map.update(&[0; 4], &value, 0).unwrap();
    assert_eq!(digest(array, 500, 32), Err(Errno::EPERM));
    assert_eq!(digest(array, 500, 31), Err(Errno::EINVAL));
    assert_eq!(digest(array, 0, 32), Err(Errno::EINVAL));
    assert_eq!(digest(array, 500, 0), Err(Errno::EINVAL));
    freeze(&engine, array).unwrap();
    // As Linux 6.18 answered for an array of the same contents.
    let expected = "7ed07c19506bd880fa0038af6e02260be940eca952f072c1ea5cdaf6b594487b";
    assert_eq!(digest(array, 500, 32).as_deref(), Ok(expected));
    assert_eq!(digest(array, 1 << 20, 32), Err(Errno::EFAULT));
    for other in [MapType::HASH, MapType::PERCPU_HASH, MapType::PERCPU_ARRAY] {
        let fd = new_map(&engine, other);
        freeze(&engine, fd).unwrap();
        assert_eq!(digest(fd, 500, 32), Err(Errno::EINVAL));
    }
}

/// A caller's memory of one page.
struct Memory(std::sync::Mutex<[u8; 4096]>);

impl Memory {
    fn new() -> Memory {
        Memory(std::sync::Mutex::new([0; 4096]))
    }
}

impl UserMem for Memory {
    fn read(&self, addr: u64, into: &mut [u8]) -> Result<()> {
        UserIn::new(&*self.0.lock().unwrap()).read_at(addr as usize, into)
    }

    fn write(&self, addr: u64, from: &[u8]) -> Result<()> {
        UserOut::new(&mut *self.0.lock().unwrap()).write_at(addr as usize, from)
    }
}

#[test]
fn btf_gives_its_bytes_back() {
    let mem = Memory::new();
    let engine = Engine::new();
    let bytes = int_btf();
    let fd = load_btf(&engine, &bytes).unwrap();
    let ask = |btf: u64, btf_size: u32, name: u64, name_len: u32| {
        let info = BtfInfo {
            btf,
            btf_size,
            name,
            name_len,
            ..BtfInfo::default()
        };
        mem.write(0, &info.to_bytes()).unwrap();
        let mut cmd = ObjGetInfoByFd {
            bpf_fd: fd,
            info_len: BtfInfo::SIZE as u32,
            info: UserOut::remote(0, &mem),
        };
        engine.obj_get_info_by_fd(&mut cmd)?;
        let mut answer = [0; BtfInfo::SIZE];
        mem.read(0, &mut answer)?;
        Ok(BtfInfo::from_bytes(&answer))
    };
    let info = ask(100, 10, 0, 0).unwrap();
    assert_eq!((info.btf_size, info.id), (bytes.len() as u32, 1));
    assert_eq!((info.name_len, info.kernel_btf), (0, 0));
    let mut found = vec![0; bytes.len()];
    mem.read(100, &mut found).unwrap();
    assert_eq!(found[..10], bytes[..10]);
    assert_eq!(found[10..], vec![0; bytes.len() - 10]);
    ask(100, 4000, 500, 1).unwrap();
    mem.read(100, &mut found).unwrap();
    assert_eq!(found, bytes);
    assert_eq!(ask(100, 4000, 500, 0), Err(Errno::EINVAL));
    assert_eq!(ask(100, 4000, 0, 5), Err(Errno::EINVAL));
    assert_eq!(ask(1 << 20, 10, 0, 0), Err(Errno::EFAULT));
    assert_eq!(ask(0, 0, 1 << 20, 5), Err(Errno::EFAULT));
}

/// A load: the answer, the log's text, its true size (0xdead before).
fn load(engine: &Engine, btf: &[u8], level: u32, room: usize) -> (Result<()>, String, u32) {
    let mut log = vec![0xee; room];
    let mut cmd = BtfLoad {
        btf: UserIn::new(btf),
        btf_size: btf.len() as u32,
        log_level: level,
        log_size: room as u32,
        log_true_size: 0xdead,
        ..BtfLoad::default()
    };
    if room != 0 {
        cmd.log_buf = UserOut::new(&mut log);
    }
    let answer = engine.btf_load(&mut cmd).map(drop);
    let true_size = cmd.log_true_size;
    let text = log.split(|&byte| byte == 0).next().unwrap_or(&[]);
    (
        answer,
        String::from_utf8_lossy(text).into_owned(),
        true_size,
    )
}

#[test]
fn the_log_of_btf_says_what_is_wrong() {
    let engine = Engine::new();
    let mut bytes = int_btf();
    *bytes.last_mut().unwrap() = b'x';
    let (answer, text, true_size) = load(&engine, &bytes, 1, 4096);
    assert_eq!(answer, Err(Errno::EINVAL));
    assert!(text.contains("must end with a zero byte"), "{text}");
    assert_eq!(true_size as usize, text.len() + 1);
    let (answer, end, same) = load(&engine, &bytes, 1, 10);
    assert_eq!((answer, same), (Err(Errno::ENOSPC), true_size));
    assert!(text.ends_with(&end) && end.len() == 9);
    let (answer, start, same) = load(&engine, &bytes, 8, 10);
    assert_eq!((answer, same), (Err(Errno::ENOSPC), true_size));
    assert!(text.starts_with(&start) && start.len() == 9);
    let (answer, _, same) = load(&engine, &bytes, 1, 0);
    assert_eq!((answer, same), (Err(Errno::EINVAL), true_size));
    assert_eq!(load(&engine, &bytes, 0, 0).2, 0);
}

#[test]
fn a_log_too_small_fails_the_load_of_good_btf() {
    let engine = Engine::new();
    let bytes = int_btf();
    assert_eq!(load(&engine, &bytes, 0, 0), (Ok(()), String::new(), 0));
    assert_eq!(load(&engine, &bytes, 1, 4096).0, Ok(()));
    assert_eq!(load(&engine, &bytes, 1, 5).0, Err(Errno::ENOSPC));
    assert_eq!(
        load(&engine, &bytes, 0, 10),
        (Err(Errno::EINVAL), "\u{fffd}".repeat(10), 0xdead)
    );
    assert_eq!(load(&engine, &bytes, 16, 0).0, Err(Errno::EINVAL));
}

#[test]
fn what_is_wrong_with_a_load_is_judged_in_order() {
    let engine = Engine::new();
    let load = |edit: fn(&mut BtfLoad<'_>)| {
        let bytes = int_btf();
        let mut cmd = BtfLoad {
            btf: UserIn::new(&bytes),
            btf_size: bytes.len() as u32,
            log_true_size: 0xdead,
            ..BtfLoad::default()
        };
        edit(&mut cmd);
        let answer = engine.btf_load(&mut cmd).map(drop);
        (answer, cmd.log_true_size)
    };
    assert_eq!(load(|cmd| cmd.btf_flags = 1), (Err(Errno::EINVAL), 0xdead));
    let token = |cmd: &mut BtfLoad<'_>| {
        cmd.btf_flags = flag::TOKEN_FD;
        cmd.token_fd = Fd(99);
    };
    assert_eq!(load(token), (Err(Errno::EBADF), 0xdead));
    assert_eq!(load(|cmd| cmd.token_fd = Fd(99)), (Ok(()), 0));
    let large = |cmd: &mut BtfLoad<'_>| {
        cmd.btf_size = (16 << 20) + 1;
        cmd.log_level = 99;
    };
    assert_eq!(load(large), (Err(Errno::E2BIG), 0xdead));
    assert_eq!(load(|cmd| cmd.log_level = 99), (Err(Errno::EINVAL), 0xdead));
    assert_eq!(load(|cmd| cmd.btf_size = 16 << 20), (Err(Errno::EFAULT), 0));
    assert_eq!(load(|cmd| cmd.btf = UserIn::NULL), (Err(Errno::EFAULT), 0));
    assert_eq!(load(|cmd| cmd.btf_size = 0), (Err(Errno::EINVAL), 0));
}
