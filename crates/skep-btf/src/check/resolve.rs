//! The rules about what types refer to: sizes known, kinds fitting, no circle.
//!
//! A type is resolved once all it needs is. What a type waits for lies below
//! it on the stack, so a type met again while it waits is a circle, except
//! behind a pointer: while pointers are followed structs and arrays are not
//! entered, and while structs are entered pointers are not followed. `Mode`
//! says which of the two the current walk does; its first such type decides.
//!
//! Lock order: none. The stack holds at most [`MAX_DEPTH`] types.
//!
//! Answers to: kernel/bpf/btf.c (btf_check_all_types, btf_resolve)

use super::member::Placed;
use super::meta::optional;
use crate::Btf;
use crate::error::{BtfError, Part, Problem};
use crate::kind::{Kind, POINTER_SIZE, TypeId};
use crate::types::{Int, Type};

/// How many types may wait for one another.
#[doc(alias = "MAX_RESOLVE_DEPTH")]
const MAX_DEPTH: usize = 32;

/// What the current walk does not enter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Undecided,
    Pointers,
    Composites,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unseen,
    Waiting,
    Resolved,
}

/// What is known of a type once resolved: what it comes down to and, for
/// arrays, its size.
#[derive(Clone, Copy)]
struct Known {
    state: State,
    target: u32,
    size: u32,
}

struct Resolver<'a> {
    btf: &'a Btf,
    first: u32,
    known: Vec<Known>,
    stack: Vec<(Type<'a>, usize)>,
    mode: Mode,
}

/// What resolving a type came to.
enum Step {
    /// It waits for this one; go on with its entry of this number after it.
    Wait(TypeId, usize),
    /// It is resolved: what it comes down to, and its size.
    Done(u32, u32),
}

/// Checks all types' references.
pub(crate) fn resolve_all(btf: &Btf) -> Result<(), BtfError> {
    let mut resolver = Resolver {
        btf,
        first: btf.first_id().0,
        known: vec![
            Known {
                state: State::Unseen,
                target: 0,
                size: 0
            };
            btf.len()
        ],
        stack: Vec::new(),
        mode: Mode::Undecided,
    };
    for ty in btf.types() {
        resolver.ensure(ty)?;
        if ty.kind() == Kind::FuncProto {
            resolver.func_proto(ty)?;
        }
    }
    btf.types()
        .filter(|ty| ty.kind().is_modifier())
        .try_for_each(|ty| check_tag_order(btf, ty))
}

/// Type tags come before other modifiers, so no other modifier refers to one.
fn check_tag_order(btf: &Btf, ty: Type<'_>) -> Result<(), BtfError> {
    let target = ty.target().and_then(|id| btf.type_by_id(id));
    match target.filter(|target| target.kind() == Kind::TypeTag) {
        Some(tag) if ty.kind() != Kind::TypeTag => {
            Err(btf.problem(ty.id(), Problem::TagOrder(tag.id())))
        }
        _ => Ok(()),
    }
}

fn needs_resolve(kind: Kind) -> bool {
    kind.is_modifier()
        || matches!(
            kind,
            Kind::Ptr
                | Kind::Struct
                | Kind::Union
                | Kind::Array
                | Kind::Var
                | Kind::Func
                | Kind::DeclTag
                | Kind::DataSec
        )
}

/// Types that no other may refer to but the kind made for it.
fn only_source(kind: Kind) -> bool {
    matches!(kind, Kind::Var | Kind::DeclTag | Kind::DataSec)
}

/// Types that have no size by nature. (A FUNC comes down to its FUNC_PROTO.)
fn sizeless(kind: Kind) -> bool {
    matches!(kind, Kind::Void | Kind::Fwd | Kind::FuncProto)
}

impl<'a> Resolver<'a> {
    fn slot(&self, id: TypeId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.first)?).ok()
    }

    fn known(&self, id: TypeId) -> Option<Known> {
        self.known.get(self.slot(id)?).copied()
    }

    fn resolved(&self, id: TypeId) -> bool {
        id.0 < self.first || self.known(id).is_some_and(|k| k.state == State::Resolved)
    }

    fn fail<T>(&self, ty: Type<'_>, problem: Problem) -> Result<T, BtfError> {
        Err(self.btf.problem(ty.id(), problem))
    }

    /// Resolves a type and all it needs.
    fn ensure(&mut self, ty: Type<'a>) -> Result<(), BtfError> {
        if !needs_resolve(ty.kind()) || self.resolved(ty.id()) {
            return Ok(());
        }
        self.mode = Mode::Undecided;
        self.stack.clear();
        self.push(ty, ty)?;
        while let Some(&(top, entry)) = self.stack.last() {
            let step = match self.step(top, entry) {
                Ok(step) => step,
                Err(problem) => return self.fail(top, problem),
            };
            match step {
                Step::Done(target, size) => {
                    self.stack.pop();
                    self.settle(top.id(), target, size);
                }
                Step::Wait(id, entry) => {
                    if let Some(last) = self.stack.last_mut() {
                        last.1 = entry;
                    }
                    let next = self.btf.expect_type(id)?;
                    self.push(top, next)?;
                }
            }
        }
        match self.is_sound(ty) {
            true => Ok(()),
            false => self.fail(
                ty,
                Problem::NoSize {
                    what: Part::Target,
                    id: ty.target().unwrap_or_default(),
                    found: ty.kind(),
                },
            ),
        }
    }

    fn settle(&mut self, id: TypeId, target: u32, size: u32) {
        if let Some(known) = self.slot(id).and_then(|slot| self.known.get_mut(slot)) {
            *known = Known {
                state: State::Resolved,
                target,
                size,
            };
        }
    }

    fn push(&mut self, from: Type<'a>, ty: Type<'a>) -> Result<(), BtfError> {
        if self.stack.len() == MAX_DEPTH {
            return self.fail(from, Problem::Depth(MAX_DEPTH as u32));
        }
        let Some(known) = self.slot(ty.id()).and_then(|s| self.known.get_mut(s)) else {
            return Ok(());
        };
        if known.state != State::Unseen {
            return self.fail(from, Problem::Circle(ty.id()));
        }
        known.state = State::Waiting;
        self.stack.push((ty, 0));
        if self.mode == Mode::Undecided {
            self.mode = match ty.kind() {
                Kind::Ptr => Mode::Pointers,
                Kind::Struct | Kind::Union | Kind::Array => Mode::Composites,
                _ => Mode::Undecided,
            };
        }
        Ok(())
    }

    /// Whether the current walk does not enter types of this kind.
    fn is_sink(&self, kind: Kind) -> bool {
        match self.mode {
            Mode::Undecided => !needs_resolve(kind),
            Mode::Pointers => !kind.is_modifier() && kind != Kind::Ptr,
            Mode::Composites => {
                !kind.is_modifier() && !matches!(kind, Kind::Array | Kind::Struct | Kind::Union)
            }
        }
    }

    fn must_wait(&self, ty: Type<'_>) -> bool {
        !self.is_sink(ty.kind()) && !self.resolved(ty.id())
    }

    /// What a modifier or VAR comes down to, as far as is known.
    fn final_of(&self, id: TypeId) -> Option<Type<'a>> {
        let mut ty = self.btf.type_by_id(id)?;
        if id.0 >= self.first {
            return self.btf.type_by_id(TypeId(self.known(id)?.target));
        }
        for _ in 0..MAX_DEPTH {
            match ty.target() {
                Some(next)
                    if ty.kind().is_modifier() || matches!(ty.kind(), Kind::Var | Kind::Func) =>
                {
                    ty = self.btf.type_by_id(next)?;
                }
                _ => break,
            }
        }
        Some(ty)
    }

    /// The type with a size that `id` comes down to, and the size.
    fn sized(&self, id: TypeId) -> Option<(TypeId, u32)> {
        let mut ty = self.btf.type_by_id(id)?;
        if ty.kind().is_modifier() || ty.kind() == Kind::Var {
            ty = self.final_of(id)?;
        }
        let size = match ty.kind() {
            kind if kind.has_size() => ty.word(2),
            Kind::Ptr => POINTER_SIZE,
            Kind::Array if ty.id().0 < self.first => self.btf.size_of(ty.id()).ok()?,
            Kind::Array => self.known(ty.id())?.size,
            _ => return None,
        };
        Some((ty.id(), size))
    }

    /// A reference that leads to a type which may stand there.
    fn follow(&self, id: u32, what: Part) -> Result<Type<'a>, Problem> {
        let Some(ty) = self.btf.type_by_id(TypeId(id)) else {
            return Err(Problem::NoType { what, id });
        };
        if only_source(ty.kind()) {
            return Err(Problem::WrongKind {
                what,
                id: ty.id(),
                found: ty.kind(),
                expected: "a type that others can refer to",
            });
        }
        Ok(ty)
    }

    fn no_size(ty: Type<'_>, what: Part) -> Problem {
        Problem::NoSize {
            what,
            id: ty.id(),
            found: ty.kind(),
        }
    }

    fn step(&self, ty: Type<'a>, entry: usize) -> Result<Step, Problem> {
        match ty.kind() {
            Kind::Ptr | Kind::Var => self.pointer_or_var(ty),
            Kind::Array => self.array(ty),
            Kind::Struct | Kind::Union => self.composite(ty, entry),
            Kind::Func => self.func(ty),
            Kind::DataSec => self.datasec(ty, entry),
            Kind::DeclTag => self.decl_tag(ty),
            _ => self.modifier(ty),
        }
    }

    fn modifier(&self, ty: Type<'a>) -> Result<Step, Problem> {
        let next = self.follow(ty.word(2), Part::Target)?;
        if self.must_wait(next) {
            return Ok(Step::Wait(next.id(), 0));
        }
        self.settled_target(next)
    }

    /// What a reference comes down to: a type with a size, or one that has
    /// none by nature.
    fn settled_target(&self, next: Type<'a>) -> Result<Step, Problem> {
        if let Some((id, _)) = self.sized(next.id()) {
            return Ok(Step::Done(id.0, 0));
        }
        let comes_down = next.kind().is_modifier() || next.kind() == Kind::Func;
        let last = match self.resolved(next.id()) && comes_down {
            true => self.final_of(next.id()).unwrap_or(next),
            false => next,
        };
        match sizeless(last.kind()) {
            true => Ok(Step::Done(last.id().0, 0)),
            false => Err(Self::no_size(next, Part::Target)),
        }
    }

    fn pointer_or_var(&self, ty: Type<'a>) -> Result<Step, Problem> {
        let next = self.follow(ty.word(2), Part::Target)?;
        if self.must_wait(next) {
            return Ok(Step::Wait(next.id(), 0));
        }
        // A modifier resolved while structs were entered may have stopped at a
        // pointer that nobody has followed yet.
        if next.kind().is_modifier()
            && let Some(last) = self.final_of(next.id())
            && last.kind() == Kind::Ptr
            && self.must_wait(last)
        {
            return Ok(Step::Wait(last.id(), 0));
        }
        if ty.kind() == Kind::Ptr {
            return self.settled_target(next);
        }
        match self.sized(next.id()) {
            Some((id, _)) => Ok(Step::Done(id.0, 0)),
            None => Err(Self::no_size(next, Part::Target)),
        }
    }

    fn array(&self, ty: Type<'a>) -> Result<Step, Problem> {
        let index = self.follow(ty.word(4), Part::Index)?;
        if self.must_wait(index) {
            return Ok(Step::Wait(index.id(), 0));
        }
        let index_int = self.sized(index.id()).and_then(|(id, _)| self.int(id));
        if !index_int.is_some_and(|int| int.is_regular()) {
            return Err(Problem::WrongKind {
                what: Part::Index,
                id: index.id(),
                found: index.kind(),
                expected: "an integer without bit offset",
            });
        }
        let element = self.follow(ty.word(3), Part::Element)?;
        if self.must_wait(element) {
            return Ok(Step::Wait(element.id(), 0));
        }
        let Some((id, size)) = self.sized(element.id()) else {
            return Err(Self::no_size(element, Part::Element));
        };
        if self.int(id).is_some_and(|int| !int.is_regular()) {
            return Err(Problem::WrongKind {
                what: Part::Element,
                id,
                found: Kind::Int,
                expected: "not an integer of odd bits",
            });
        }
        let nelems = ty.word(5);
        match size.checked_mul(nelems) {
            Some(total) => Ok(Step::Done(id.0, total)),
            None => Err(Problem::ArraySize { nelems, size }),
        }
    }

    fn int(&self, id: TypeId) -> Option<Int> {
        let ty = self.btf.type_by_id(id)?;
        (ty.kind() == Kind::Int).then(|| Int::from_words(ty.word(2), ty.word(3)))
    }

    fn composite(&self, ty: Type<'a>, entry: usize) -> Result<Step, Problem> {
        let Some(members) = ty.members() else {
            return Ok(Step::Done(0, 0));
        };
        // A member that was waited for is looked at again.
        for (index, member) in members.iter().enumerate().skip(entry) {
            let what = Part::Member(index);
            let inner = self.follow(member.ty.0, what)?;
            if self.must_wait(inner) {
                return Ok(Step::Wait(inner.id(), index));
            }
            let last = match inner.kind().is_modifier() {
                true => self.final_of(inner.id()).unwrap_or(inner),
                false => inner,
            };
            Placed {
                what,
                ty: last,
                array_size: self.sized(last.id()).map_or(0, |(_, size)| size),
                outer: members.size(),
                bit_offset: member.bit_offset,
                bitfield_size: member.bitfield_size,
                flagged: ty.kind_flag(),
            }
            .check()?;
        }
        Ok(Step::Done(0, 0))
    }

    fn func(&self, ty: Type<'a>) -> Result<Step, Problem> {
        let id = ty.word(2);
        let what = Part::Target;
        let Some(proto) = self.btf.type_by_id(TypeId(id)) else {
            return Err(Problem::NoType { what, id });
        };
        if proto.kind() != Kind::FuncProto {
            return Err(Problem::WrongKind {
                what,
                id: proto.id(),
                found: proto.kind(),
                expected: "FUNC_PROTO",
            });
        }
        for (index, &[name, arg]) in proto.extra().as_chunks::<2>().0.iter().enumerate() {
            if name == 0 && arg != 0 {
                return Err(Problem::Name {
                    what: Part::Argument(index),
                    name: String::new(),
                    expected: "name of an argument",
                });
            }
        }
        Ok(Step::Done(id, 0))
    }

    fn datasec(&self, ty: Type<'a>, entry: usize) -> Result<Step, Problem> {
        let entries = ty.extra().as_chunks::<3>().0.iter();
        for (index, &[id, _, found]) in entries.enumerate().skip(entry) {
            let what = Part::Variable(index);
            let var = self.btf.type_by_id(TypeId(id));
            let Some(var) = var.filter(|var| var.kind() == Kind::Var) else {
                return Err(Problem::WrongKind {
                    what,
                    id: TypeId(id),
                    found: var.map_or(Kind::Void, |var| var.kind()),
                    expected: "VAR",
                });
            };
            if self.must_wait(var) {
                // Linux does not come back to the size of one it waited for.
                return Ok(Step::Wait(var.id(), index + 1));
            }
            let Some((_, need)) = self.sized(TypeId(var.word(2))) else {
                return Err(Self::no_size(var, what));
            };
            if found < need {
                return Err(Problem::VarSize { what, found, need });
            }
        }
        Ok(Step::Done(0, 0))
    }

    fn decl_tag(&self, ty: Type<'a>) -> Result<Step, Problem> {
        let id = TypeId(ty.word(2));
        let target = self.btf.type_by_id(id);
        let target = target.ok_or(Problem::NoType {
            what: Part::Target,
            id: id.0,
        })?;
        let count = match target.kind() {
            Kind::Struct | Kind::Union => u32::from(target.vlen()),
            Kind::Func => {
                let proto = self.btf.type_by_id(TypeId(target.word(2)));
                proto.map_or(0, |proto| u32::from(proto.vlen()))
            }
            Kind::Var | Kind::Typedef => 0,
            found => {
                return Err(Problem::WrongKind {
                    what: Part::Target,
                    id,
                    found,
                    expected: "FUNC, STRUCT, UNION, VAR or TYPEDEF",
                });
            }
        };
        if self.must_wait(target) {
            return Ok(Step::Wait(id, 0));
        }
        match ty.component() {
            -1 => Ok(Step::Done(id.0, 0)),
            found if u32::try_from(found).is_ok_and(|at| at < count) => Ok(Step::Done(id.0, 0)),
            found => Err(Problem::Component { found, count }),
        }
    }

    /// Whether what was noted for a type makes sense.
    fn is_sound(&self, ty: Type<'a>) -> bool {
        if !self.resolved(ty.id()) {
            return false;
        }
        let kind = ty.kind();
        if kind.is_modifier() || matches!(kind, Kind::Ptr | Kind::Var) {
            return self.final_of_pointer(ty).is_some_and(|last| {
                !last.kind().is_modifier() && !matches!(last.kind(), Kind::Var | Kind::DataSec)
            });
        }
        true
    }

    fn final_of_pointer(&self, ty: Type<'a>) -> Option<Type<'a>> {
        self.btf.type_by_id(TypeId(self.known(ty.id())?.target))
    }

    /// A FUNC_PROTO is checked when it is met, not waited for.
    fn func_proto(&mut self, ty: Type<'a>) -> Result<(), BtfError> {
        let returns = ty.word(2);
        if returns != 0 {
            self.value_type(ty, returns, Part::Return)?;
        }
        let mut entries = ty.extra().as_chunks::<2>().0;
        if let Some((&[name, 0], fixed)) = entries.split_last() {
            if name != 0 {
                let problem = Problem::NotZero {
                    what: "name of the variable arguments",
                    found: name,
                };
                return self.fail(ty, problem);
            }
            entries = fixed;
        }
        for (index, &[name, arg]) in entries.iter().enumerate() {
            let what = Part::Argument(index);
            if let Err(problem) = optional(ty, name, what) {
                return self.fail(ty, problem);
            }
            self.value_type(ty, arg, what)?;
        }
        Ok(())
    }

    /// A type that values can have.
    fn value_type(&mut self, ty: Type<'a>, id: u32, what: Part) -> Result<(), BtfError> {
        let value = match self.follow(id, what) {
            Ok(value) => value,
            Err(problem) => return self.fail(ty, problem),
        };
        self.ensure(value)?;
        match self.sized(value.id()) {
            Some(_) => Ok(()),
            None => self.fail(ty, Self::no_size(value, what)),
        }
    }
}
