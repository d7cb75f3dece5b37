//! From untrusted bytes to a parsed tree: every bound that has to hold before, while and after a parser looks at them.
//!
//! XML is read by one parser, `roxmltree`. It knows no external entities and is told to know no DOCTYPE either. What it
//! could be made to do slowly (thousands of attributes on one element, namespaces copied from level to level) or reads
//! differently than the namespace specification says (a second default namespace, `p:xmlns`) is refused here, by a scan of
//! the bytes beforehand and a look at the names afterwards.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use postern_core::fault::{Code, Fault};

/// How much one kind of document may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Size of the whole text.
    bytes: usize,
    /// Elements, texts, attributes' owners: everything that becomes a node.
    nodes: u32,
    /// Whether it is read as people make it (true): comments and processing instructions are overlooked, and UTF-16 is
    /// decoded. Or refused for all of that (false).
    lenient: bool,
}

/// How large a SAML response may be. 512 KiB hold some five thousand groups.
pub(crate) const RESPONSE_BYTES: usize = 512 * 1024;
/// SAML responses.
pub(crate) const RESPONSE: Limits = Limits { bytes: RESPONSE_BYTES, nodes: 20_000, lenient: false };
/// How large a logout message may be, which holds a name and some session indexes.
pub(crate) const MESSAGE_BYTES: usize = 64 * 1024;
/// Logout messages.
pub(crate) const MESSAGE: Limits = Limits { bytes: MESSAGE_BYTES, nodes: 2_000, lenient: false };
/// Metadata of one IdP, hand-edited ones included.
pub(crate) const METADATA: Limits = Limits { bytes: 1024 * 1024, nodes: 50_000, lenient: true };

const DEEPEST: usize = 64;
const MOST_ATTRIBUTES: usize = 64;
const MOST_NAMESPACES_IN_SCOPE: usize = 64;
const LONGEST_NAME: usize = 1024;

/// Why bytes are not a document that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    #[error("not UTF-8")]
    Encoding,
    #[error("has a document type declaration")]
    Doctype,
    #[error("has a comment or a processing instruction")]
    CommentOrInstruction,
    #[error("too many {0}")]
    TooComplex(&'static str),
    /// Readers would disagree about what it says.
    #[error("{0}")]
    Ambiguous(&'static str),
    #[error("not well-formed at line {0}, column {1}")]
    NotWellFormed(u32, u32),
}

impl From<Unreadable> for Fault {
    fn from(why: Unreadable) -> Self {
        let code = match why {
            Unreadable::TooLarge(_) => Code::SamlTooLarge,
            Unreadable::Encoding => Code::SamlEncodingUnsupported,
            Unreadable::Doctype => Code::SamlDoctype,
            Unreadable::CommentOrInstruction => Code::SamlCommentOrInstruction,
            Unreadable::TooComplex(_) => Code::SamlTooComplex,
            Unreadable::Ambiguous(_) => Code::SamlStructureForbidden,
            Unreadable::NotWellFormed(..) => Code::SamlNotWellFormed,
        };
        code.fault().received(why.to_string())
    }
}

/// Checks size, encoding and shape of the bytes, without building anything.
pub(crate) fn text(bytes: &[u8], limits: Limits) -> Result<Cow<'_, str>, Unreadable> {
    if bytes.len() > limits.bytes {
        return Err(Unreadable::TooLarge(limits.bytes));
    }
    let text = match utf16(bytes).filter(|_| limits.lenient) {
        Some(text) => Cow::Owned(text?),
        None => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| Unreadable::Encoding)?),
    };
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Cow::Owned(text) => Cow::Owned(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
    };
    declaration(&text, limits)?;
    scan(text.as_bytes(), limits)?;
    Ok(match text {
        Cow::Borrowed(text) => line_ends(text),
        Cow::Owned(text) => Cow::Owned(line_ends(&text).into_owned()),
    })
}

/// XML 1.0 §4.3.3 and appendix F: UTF-16 shows itself by a byte order mark, or by the zeros around `<`.
fn utf16(bytes: &[u8]) -> Option<Result<String, Unreadable>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xfe, 0xff, ..] | [0, b'<', ..] => u16::from_be_bytes,
        [0xff, 0xfe, ..] | [b'<', 0, ..] => u16::from_le_bytes,
        _ => return None,
    };
    let (units, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(units.iter().map(|&pair| unit(pair))).collect::<Result<String, _>>();
    Some(text.ok().filter(|_| rest.is_empty()).ok_or(Unreadable::Encoding))
}

/// XML 1.0 §2.11: a processor behaves "as if it normalized all line breaks [...] on input, before parsing". The parser does
/// so while parsing, and overlooks a lone CR beside a character reference.
fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

/// Parses a text that passed [`text`], or one that we wrote ourselves: the canonical form of such a text.
pub(crate) fn parse(text: &str, limits: Limits) -> Result<Document<'_>, Unreadable> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: limits.nodes, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => Unreadable::Doctype,
        roxmltree::Error::NodesLimitReached
        | roxmltree::Error::AttributesLimitReached
        | roxmltree::Error::NamespacesLimitReached => Unreadable::TooComplex("nodes"),
        // The parser's message may quote the document, and a changed byte can make any word of it an "unknown entity".
        error => Unreadable::NotWellFormed(error.pos().row, error.pos().col),
    })?;
    for node in document.descendants() {
        match node.node_type() {
            roxmltree::NodeType::Element => names(node)?,
            roxmltree::NodeType::Comment | roxmltree::NodeType::PI if !limits.lenient => {
                return Err(Unreadable::CommentOrInstruction);
            }
            _ => {}
        }
    }
    Ok(document)
}

/// `<?xml version="1.0" encoding="UTF-8"?>`, or none. XML 1.1 has other line ends, other encodings another text.
fn declaration(text: &str, limits: Limits) -> Result<(), Unreadable> {
    let Some(rest) = text.strip_prefix("<?xml").filter(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()))
    else {
        return Ok(());
    };
    let declaration = rest.split_once("?>").ok_or(Unreadable::NotWellFormed(1, 1))?.0;
    let value = |name: &str| {
        let after = declaration.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Some(after[1..].split_once(quote)?.0)
    };
    if value("version") != Some("1.0") {
        return Err(Unreadable::NotWellFormed(1, 1));
    }
    // Where both are read the bytes tell them apart, and what .NET writes calls itself UTF-16 and is UTF-8.
    let is_read =
        |name: &str| name.eq_ignore_ascii_case("utf-8") || (limits.lenient && name.eq_ignore_ascii_case("utf-16"));
    if declaration.contains("encoding") && !value("encoding").is_some_and(is_read) {
        return Err(Unreadable::Encoding);
    }
    Ok(())
}

/// One pass over the bytes that counts what a parser would have to keep.
fn scan(bytes: &[u8], limits: Limits) -> Result<(), Unreadable> {
    // How many namespaces each open element declares, and their sum.
    let mut open: Vec<usize> = Vec::with_capacity(16);
    let mut in_scope = 0;
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&b| b == b'<') {
        at += found;
        let rest = &bytes[at..];
        at += match rest {
            [b'<', b'!', b'-', b'-', ..] if limits.lenient => length_to(rest, b"-->"),
            [b'<', b'!', b'-', b'-', ..] => return Err(Unreadable::CommentOrInstruction),
            [b'<', b'!', b'[', ..] if rest.starts_with(b"<![CDATA[") => length_to(rest, b"]]>"),
            // Nothing else begins like this but DOCTYPE and the declarations inside one.
            [b'<', b'!', ..] => return Err(Unreadable::Doctype),
            [b'<', b'?', ..] if at == 0 || limits.lenient => length_to(rest, b"?>"),
            [b'<', b'?', ..] => return Err(Unreadable::CommentOrInstruction),
            [b'<', b'/', ..] => {
                in_scope -= open.pop().unwrap_or(0);
                length_to(rest, b">")
            }
            _ => {
                let tag = Tag::read(rest)?;
                in_scope += tag.namespaces;
                if in_scope > MOST_NAMESPACES_IN_SCOPE {
                    return Err(Unreadable::TooComplex("namespaces"));
                }
                if open.len() >= DEEPEST {
                    return Err(Unreadable::TooComplex("levels"));
                }
                if tag.closed {
                    in_scope -= tag.namespaces;
                } else {
                    open.push(tag.namespaces);
                }
                tag.length
            }
        };
    }
    Ok(())
}

/// How many bytes to pass over: through `end`, or all of them. A parser then says what is missing.
fn length_to(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).map_or(rest.len(), |at| at + end.len())
}

/// What a start tag costs.
struct Tag {
    length: usize,
    namespaces: usize,
    closed: bool,
}

impl Tag {
    fn read(rest: &[u8]) -> Result<Tag, Unreadable> {
        let mut tag = Tag { length: rest.len(), namespaces: 0, closed: false };
        let mut attributes = 0;
        let mut at = 1;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'>' => {
                    tag.closed = rest[at - 1] == b'/';
                    tag.length = at + 1;
                    break;
                }
                // A value: on to its closing quote.
                b'"' | b'\'' => at += rest[at + 1..].iter().position(|&b| b == byte).map_or(rest.len(), |end| end + 1),
                b'=' => {
                    attributes += 1;
                    if attributes > MOST_ATTRIBUTES {
                        return Err(Unreadable::TooComplex("attributes"));
                    }
                }
                b'x' if rest[at..].starts_with(b"xmlns") => match rest[at - 1] {
                    b':' => return Err(Unreadable::Ambiguous("a name with the local part xmlns")),
                    before if before.is_ascii_whitespace() => tag.namespaces += 1,
                    _ => {}
                },
                _ => {}
            }
            at += 1;
        }
        Ok(tag)
    }
}

/// Namespaces in XML 1.0 §4: a name is a local part, or a prefix, a colon and a local part. The parser takes more than that.
fn names(element: Node<'_, '_>) -> Result<(), Unreadable> {
    if qualified_name(element).len() > LONGEST_NAME || !is_qualified(qualified_name(element)) {
        return Err(Unreadable::Ambiguous("an element name that is no qualified name"));
    }
    for attribute in element.attributes() {
        let name = &element.document().input_text()[attribute.range_qname()];
        // The parser keeps at most 65535 bytes of a name; c14n writes names from the text.
        if name.len() > LONGEST_NAME || !name.ends_with(attribute.name()) || !is_qualified(name) {
            return Err(Unreadable::Ambiguous("an attribute name that is no qualified name"));
        }
    }
    let mut defaults = 0;
    for namespace in element.namespaces() {
        match namespace.name() {
            None => defaults += 1,
            Some("xmlns") => return Err(Unreadable::Ambiguous("the prefix xmlns is declared")),
            // Namespaces in XML 1.0 §2.2: a prefix cannot be undeclared.
            Some(_) if namespace.uri().is_empty() => return Err(Unreadable::Ambiguous("a prefix is undeclared")),
            Some(_) => {}
        }
        // Canonical XML 1.0 §1.3: "implementations of this specification MUST report an operation failure on documents
        // containing relative namespace URIs".
        if !namespace.uri().is_empty() && !namespace.uri().contains(':') {
            return Err(Unreadable::Ambiguous("a relative namespace URI"));
        }
    }
    if defaults > 1 {
        return Err(Unreadable::Ambiguous("two default namespaces on one element"));
    }
    Ok(())
}

fn is_qualified(name: &str) -> bool {
    match name.split_once(':') {
        None => true,
        Some((prefix, local)) => !prefix.is_empty() && !local.is_empty() && !local.contains(':'),
    }
}

/// The name of an element as it was written, with its prefix, which the parser does not keep.
pub(crate) fn qualified_name<'i>(element: Node<'_, 'i>) -> &'i str {
    let tag = &element.document().input_text()[element.range().start + 1..];
    let end = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len());
    &tag[..end]
}
