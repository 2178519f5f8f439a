//! The macro that makes a command's structure and its translation from one table.
//!
//! Answers to: union bpf_attr in include/uapi/linux/bpf.h.

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        $type:ident $(<$life:lifetime>)? = $cmd:ident {
            $( $(#[$fdoc:meta])* $field:ident : $ftype:ty = $offset:literal $($out:ident)?; )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub struct $type $(<$life>)? {
                $( $(#[$fdoc])* pub $field: $ftype, )*
            }

            impl<'a> Attr<'a> for commands!(@type $type $($life)?) {
                const CMD: Cmd = Cmd::$cmd;
                const END: usize = {
                    let mut end = 0;
                    $(
                        let field_end = $offset + <$ftype as Field<'_>>::SIZE;
                        if field_end > end { end = field_end; }
                    )*
                    end
                };
                const OUTPUTS: &'static [Output] = &[
                    $( $( commands!(@out $out $offset, $ftype), )? )*
                ];

                #[inline]
                fn decode(attr: &AttrBytes, mem: &'a dyn UserMem) -> Self {
                    $type { $(
                        $field: Field::get(
                            &attr[$offset..$offset + <$ftype as Field<'_>>::SIZE], mem,
                        ),
                    )* }
                }

                #[inline]
                fn encode(&mut self, attr: &mut AttrBytes) {
                    $( self.$field.put(
                        &mut attr[$offset..$offset + <$ftype as Field<'_>>::SIZE],
                    ); )*
                }

                fn pointers(&mut self, visit: &mut dyn FnMut(usize, Pointer<'_, 'a>)) {
                    $( if let Some(pointer) = self.$field.pointer() {
                        visit($offset, pointer);
                    } )*
                }

                #[allow(unused_variables)]
                #[inline]
                fn absorb(&mut self, attr: &AttrBytes) {
                    $( $( commands!(@absorb $out self, attr, $field, $ftype, $offset); )? )*
                }
            }
        )*
    };
    (@type $type:ident $life:lifetime) => { $type<'a> };
    (@type $type:ident) => { $type };
    (@out out $offset:literal, $ftype:ty) => {
        commands!(@output $offset, $ftype, Always)
    };
    (@out out_if_given $offset:literal, $ftype:ty) => {
        commands!(@output $offset, $ftype, IfGiven)
    };
    (@out out_if_set $offset:literal, $ftype:ty) => {
        commands!(@output $offset, $ftype, IfSet)
    };
    (@output $offset:literal, $ftype:ty, $when:ident) => {
        Output {
            offset: $offset,
            len: <$ftype as Field<'_>>::SIZE,
            when: super::Written::$when,
        }
    };
    (@absorb $out:ident $self:ident, $attr:ident, $field:ident, $ftype:ty, $offset:literal) => {
        $self.$field = Field::get(&$attr[$offset..$offset + <$ftype as Field<'_>>::SIZE], &crate::NoMem);
    };
}
