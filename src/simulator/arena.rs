//! Storage for the bytes of all records: few large blocks instead of one allocation per record.

const BLOCK_BYTES: usize = 1 << 20;

/// The place of one record; valid for the arena that returned it.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    block: u32,
    start: u32,
    bytes: u32,
}

impl Slot {
    pub fn len(self) -> usize {
        self.bytes as usize
    }
}

/// Blocks never grow beyond their first capacity, so that half a gigabyte of records never exists twice.
#[derive(Default)]
pub(super) struct Arena {
    blocks: Vec<Vec<u8>>,
}

impl Arena {
    /// Copies a record in. A record larger than a block gets a block of its own.
    pub fn put(&mut self, record: &[u8]) -> Slot {
        let fits = self.blocks.last().is_some_and(|block| block.capacity() - block.len() >= record.len());
        if !fits {
            self.blocks.push(Vec::with_capacity(record.len().max(BLOCK_BYTES)));
        }
        let index = self.blocks.len() - 1;
        let block = &mut self.blocks[index];
        let start = block.len();
        block.extend_from_slice(record);
        Slot { block: index as u32, start: start as u32, bytes: record.len() as u32 }
    }

    pub fn get(&self, place: Slot) -> &[u8] {
        let start = place.start as usize;
        &self.blocks[place.block as usize][start..start + place.len()]
    }
}
