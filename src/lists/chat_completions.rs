//! `chat_completions`: the stored chat completions of a project.

use collectors::{ChatCompletions, Source, TenantWalk};

use super::{Filters, KeyClass, ListDescriptor, MessagesSupport, PairsMax, Setting, SettingKind};
use crate::{redact::Preset, tables::CHAT_COMPLETIONS};

/// OpenAI's limits on the metadata of a completion; a filter beyond them finds nothing.
const METADATA_MAX: PairsMax = PairsMax { count: 16, key_chars: 64, value_chars: 512 };

/// `GET /chat/completions`: the stored ones.
pub(super) static LIST: ListDescriptor = ListDescriptor {
    name: "chat_completions",
    records: "stored completions",
    table: &CHAT_COMPLETIONS,
    key: KeyClass::Project,
    settings: &[
        Setting { key: "model", kind: SettingKind::Text },
        Setting { key: "metadata", kind: SettingKind::Pairs(METADATA_MAX) },
    ],
    messages: MessagesSupport::Apart,
    presets: &[Preset::NoContent],
    why_empty: "do the requests set `store`, and does the key belong to their project? or do the filters exclude everything?",
    source,
};

fn source(filters: &Filters) -> (Source, TenantWalk) {
    let model = filters.text("model").map(str::to_owned);
    let metadata = filters.pairs("metadata");
    (ChatCompletions { model, metadata }.into(), TenantWalk::Off)
}
