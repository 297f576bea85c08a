"""FASTA entries, and the stated rule for residues."""

from tunesmith.records.fields import fault
from tunesmith.schemas.errors import RecordInvalid
from tunesmith.schemas.records import SequenceRecord

RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWY")
AMBIGUOUS = frozenset("BJOUXZ")
_KNOWN = RESIDUES | AMBIGUOUS


def parse_entry(content: bytes, line: int) -> SequenceRecord:
    """The record of one entry with its header, as it stands in the file. Raises RecordInvalid."""
    try:
        whole = content.decode()
    except UnicodeDecodeError as e:
        raise fault(line, "the entry holds bytes that are not UTF-8.") from e
    if "\r" in whole:
        raise fault(line, "lines end in a bare carriage return. Save the file with LF or CR LF line ends.")
    if not whole.startswith(">"):
        raise RecordInvalid(
            f'Line {line} stands before the first header. Begin each entry with ">" and an id.',
            line=line,
            param="header",
        )
    header, _, residues = whole[1:].partition("\n")
    return parse_sequence(header, residues, line)


def parse_sequence(header: str, sequence: str, line: int) -> SequenceRecord:
    """The record of one FASTA entry; `header` without its ">", `line` the header's line number from 1."""
    name, _, description = header.strip().partition(" ")
    if not name:
        raise fault(line, 'a FASTA header needs an id after ">".', "header")
    return SequenceRecord(name, description.strip(), residues_of(name, sequence, line))


def residues_of(name: str, sequence: str, line: int) -> str:
    """The residues by the stated rule. Raises RecordInvalid.

    Lower case is raised, white space, gaps (- and .) and one stop (*) at the end are removed, the ambiguous letters
    B J O U X Z stay and are read as unknown by the model; anything else is an error.
    """
    residues = "".join(sequence.split()).upper().replace("-", "").replace(".", "").removesuffix("*")
    if not residues:
        raise fault(line, f"{name[:60]} has no residues.", "sequence")
    bad = sorted(set(residues) - _KNOWN)
    if bad:
        raise fault(
            line,
            f"{name[:60]} holds {', '.join(repr(b) for b in bad[:5])}, which are not residues. "
            "Protein letters are ACDEFGHIKLMNPQRSTVWY and the ambiguous B, J, O, U, X, Z.",
            "sequence",
        )
    return residues
