//! The instructions, as `pickletools.py` of Python 3 defines them.

use super::super::node::{Blob, Bytes, How, Id, Value};
use super::literal;
use super::machine::{EMPTY_TUPLE, FALSE, Machine, NONE, TRUE};
use crate::error::{Error, Result};

/// The highest protocol there is.
const LAST_PROTOCOL: u8 = 5;

impl Machine<'_> {
    /// Reads one pickle, from where the last one ended.
    ///
    /// # Errors
    /// Data, with the byte where it went wrong: no pickle, one that breaks its own rules, or one
    /// that asks for more memory or instructions than a checkpoint needs. Io: bytes cannot be read.
    pub fn load(&mut self) -> Result<Id> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            let at = self.position();
            match self.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(root),
                Err(error) => return Err(error.within(format!("pickle, byte {at}"))),
            }
        }
    }

    /// Carries out one instruction; the last one gives the value.
    fn step(&mut self) -> Result<Option<Id>> {
        self.count_opcode()?;
        let [opcode] = self.source.array::<1>()?;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => self.start()?,
            0x95 => drop(self.source.array::<8>()?),

            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.drop_top()?,
            b'1' => drop(self.pop_mark()?),
            b'2' => self.push_id(self.top()?),
            b'p' => {
                let index = self.index()?;
                self.remember(index)?;
            }
            b'q' => {
                let [index] = self.source.array()?;
                self.remember(u32::from(index))?;
            }
            b'r' => {
                let index = self.u32()?;
                self.remember(index)?;
            }
            0x94 => {
                let index = self.memo.len() as u32;
                self.remember(index)?;
            }
            b'g' => {
                let index = self.index()?;
                self.recall(index)?;
            }
            b'h' => {
                let [index] = self.source.array()?;
                self.recall(u32::from(index))?;
            }
            b'j' => {
                let index = self.u32()?;
                self.recall(index)?;
            }

            b'N' => self.push_id(NONE),
            0x88 => self.push_id(TRUE),
            0x89 => self.push_id(FALSE),
            b'I' | b'L' => self.number(opcode)?,
            b'J' => {
                let number = i32::from_le_bytes(self.source.array()?);
                self.push(Value::Int(i64::from(number)))?;
            }
            b'K' => {
                let [number] = self.source.array()?;
                self.push(Value::Int(i64::from(number)))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.source.array()?);
                self.push(Value::Int(i64::from(number)))?;
            }
            0x8a | 0x8b => {
                let range = if opcode == 0x8a { self.short()? } else { self.medium()? };
                self.push(literal::little_endian(self.source.slice(range)))?;
            }
            b'F' => {
                let line = self.source.line()?;
                self.push(literal::real(self.source.slice(line))?)?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.source.array()?);
                self.push(Value::Float(number))?;
            }

            b'S' => {
                let line = self.source.line()?;
                let bytes = literal::quoted(self.source.slice(line))?;
                self.push(literal::old_string(&bytes))?;
            }
            b'T' | b'U' => {
                let range = if opcode == b'U' { self.short()? } else { self.medium()? };
                self.push(literal::old_string(self.source.slice(range)))?;
            }
            b'V' => {
                let line = self.source.line()?;
                self.push(Value::Text(literal::raw_unicode(self.source.slice(line))?))?;
            }
            b'X' | 0x8c | 0x8d => {
                let range = match opcode {
                    0x8c => self.short()?,
                    b'X' => self.medium()?,
                    _ => self.long()?,
                };
                let text = String::from_utf8_lossy(self.source.slice(range)).into_owned();
                self.push(Value::Text(text))?;
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let (from, to) = match opcode {
                    b'C' => self.short()?,
                    b'B' => self.medium()?,
                    _ => self.long()?,
                };
                self.push(Value::Bytes(Blob(Bytes::Stored(from, to))))?;
            }

            b')' => self.push_id(EMPTY_TUPLE),
            0x85..=0x87 => self.pop_tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let ids = self.pop_mark()?;
                self.tuple(ids)?;
            }
            b']' => self.push(Value::List(Vec::new()))?,
            b'l' => {
                let ids = self.pop_mark()?;
                self.push(Value::List(ids))?;
            }
            b'}' => self.dictionary(&[])?,
            b'd' => {
                let ids = self.pop_mark()?;
                self.dictionary(&ids)?;
            }
            0x8f => self.push(Value::Set(Vec::new()))?,
            0x91 => {
                let ids = self.pop_mark()?;
                self.push(Value::Set(ids))?;
            }
            b'a' => {
                let element = self.pop()?;
                self.append(&[element])?;
            }
            b'e' | 0x90 => {
                let elements = self.pop_mark()?;
                self.append(&elements)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let keys_and_values = self.pop_mark()?;
                self.set_items(&keys_and_values)?;
            }

            b'c' | 0x93 | b'i' | b'o' | b'R' | 0x81 | 0x92 | b'b' => self.object(opcode)?,
            b'P' => {
                let line = self.source.line()?;
                let text = String::from_utf8_lossy(self.source.slice(line)).into_owned();
                let id = self.add(Value::Text(text))?;
                self.persistent(id)?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)?;
            }
            0x82..=0x84 => {
                self.source.take(1 << (opcode - 0x82))?;
                let symbol = self.symbol_id("copyreg", "_extension_registry")?;
                let id = self.opaque(symbol, How::Named, None)?;
                self.push_id(id);
            }
            0x97 => {
                let symbol = self.symbol_id("pickle", "PickleBuffer")?;
                let id = self.opaque(symbol, How::Named, None)?;
                self.push_id(id);
            }
            0x98 => drop(self.top()?),
            other => {
                let found = literal::shown(&[other]);
                return Err(Error::data(format!("expected an instruction, found {found}")));
            }
        }
        Ok(None)
    }

    /// The head of a pickle from protocol 2 on.
    fn start(&mut self) -> Result<()> {
        let [protocol] = self.source.array()?;
        if protocol > LAST_PROTOCOL {
            let found = format!("expected protocol 0 to {LAST_PROTOCOL}, found {protocol}");
            return Err(Error::data(found));
        }
        self.protocol = self.protocol.max(protocol);
        Ok(())
    }

    /// Classes and functions, and what would be done with them.
    fn object(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b'c' => {
                let (module, name) = (self.source.line()?, self.source.line()?);
                let id = self.global(module, name)?;
                self.push_id(id);
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                let id = self.stack_global(module, name)?;
                self.push_id(id);
            }
            b'i' => {
                let (module, name) = (self.source.line()?, self.source.line()?);
                let class = self.global(module, name)?;
                let arguments = self.pop_mark()?;
                self.tuple(arguments)?;
                let arguments = self.pop()?;
                self.apply(class, arguments, How::Called)?;
            }
            b'o' => {
                let mut ids = self.pop_mark()?;
                if ids.is_empty() {
                    return Err(Error::data("makes an object of no class"));
                }
                let class = ids.remove(0);
                self.tuple(ids)?;
                let arguments = self.pop()?;
                self.apply(class, arguments, How::Called)?;
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                let how = if opcode == b'R' { How::Called } else { How::Made };
                self.apply(callee, arguments, how)?;
            }
            0x92 => {
                let keywords = self.pop()?;
                let arguments = self.pop()?;
                let class = self.pop()?;
                let both = self.add(Value::Tuple(vec![arguments, keywords]))?;
                self.apply(class, both, How::Made)?;
            }
            _ => {
                let state = self.pop()?;
                let id = self.top()?;
                self.build(id, state)?;
            }
        }
        Ok(())
    }

    /// `I` holds truth values too, written 00 and 01.
    fn number(&mut self, opcode: u8) -> Result<()> {
        let line = self.source.line()?;
        match (opcode, self.source.slice(line)) {
            (b'I', b"00") => self.push_id(FALSE),
            (b'I', b"01") => self.push_id(TRUE),
            (_, digits) => {
                let number = literal::decimal(digits)?;
                self.push(number)?;
            }
        }
        Ok(())
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.source.array()?))
    }

    /// An index of the memo in digits.
    fn index(&mut self) -> Result<u32> {
        let line = self.source.line()?;
        match literal::decimal(self.source.slice(line))? {
            Value::Int(index) => u32::try_from(index).ok(),
            _ => None,
        }
        .ok_or_else(|| Error::data("expected an index of the memo"))
    }

    /// The range of bytes whose number stands before them in 1 byte.
    fn short(&mut self) -> Result<(usize, usize)> {
        let [count] = self.source.array()?;
        self.source.take(u64::from(count))
    }

    /// The range of bytes whose number stands before them in 4 bytes.
    fn medium(&mut self) -> Result<(usize, usize)> {
        let count = self.u32()?;
        self.source.take(u64::from(count))
    }

    /// The range of bytes whose number stands before them in 8 bytes.
    fn long(&mut self) -> Result<(usize, usize)> {
        let count = u64::from_le_bytes(self.source.array()?);
        self.source.take(count)
    }
}
