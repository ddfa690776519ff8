"""The SQL that commands run on, compiled once from the tables.

A statement built at each call would cost several times what SQLite takes to run it, so a store keeps the text and
binds whole rows by position. Compiling checks that the positions are those the caller counts on.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Table, bindparam, exists, func, literal_column, null, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import CompilerElement

from .tables import metadata

_record, _payload, _case, _run, _deadline, _outbox, _draft, _answer, _mark, _definition = (
    metadata.tables[f"stegvis_{name}"]
    for name in ("record", "payload", "case", "run", "deadline", "outbox", "draft", "answer", "mark", "definition")
)
_org: ColumnElement[str] = bindparam("org")


class Statements:
    """SQL text by what it does. An insert binds every column of its table, in the table's order."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._read()
        self._append()
        self._change()
        self._draft()
        self.earlier = lru_cache(maxsize=16)(self._earlier)

    def _read(self) -> None:
        record = (_record.c.id, _record.c.case_id, _record.c.cseq, _record.c.body, _record.c.leaf)
        row = (*record, _payload.c.unit, _payload.c.cell)
        both = _record.outerjoin(_payload, (_payload.c.org == _record.c.org) & (_payload.c.idx == _record.c.idx))
        of_org, of_case = _record.c.org == _org, _record.c.case_id == bindparam("case")

        self.log = self._text(
            select(_record.c.idx, *row).select_from(both).where(of_org, *_span(_record.c.idx)).order_by(_record.c.idx),
            "org after last",
        )
        self.log_without = self._text(
            select(_record.c.idx, *record, null(), null()).where(of_org, *_span(_record.c.idx)).order_by(_record.c.idx),
            "org after last",
        )
        self.log_end = self._text(select(func.max(_record.c.idx)).where(of_org), "org")
        self.chain = self._text(
            select(*row).select_from(both).where(of_org, of_case, *_span(_record.c.cseq)).order_by(_record.c.cseq),
            "org case after last",
        )
        # The index of the case chains has these too, under no place in a chain.
        self.looks = self._text(
            select(*record, null(), null()).where(of_org, of_case, _record.c.cseq.is_(None)).order_by(_record.c.idx),
            "org case",
        )
        self.chain_end = self._text(select(func.max(_record.c.cseq)).where(of_org, of_case), "org case")
        runs = (_run.c.org == _case.c.org) & (_run.c.case_id == _case.c.case_id)
        self.head = self._text(
            select(*_after(_case, "org")).where(_case.c.org == _org, _case.c.case_id == bindparam("case")),
            "org case",
        )
        self.load = self._text(
            select(*_after(_case, "org"), *_after(_run, "case_id"))
            .select_from(_case.outerjoin(_run, runs))
            .where(_case.c.org == _org, _case.c.case_id == bindparam("case"))
            .order_by(_run.c.opened, _run.c.run),
            "org case",
        )
        self.cases = self._text(select(_case.c.case_id).where(_case.c.org == _org).order_by(_case.c.case_id), "org")
        self.answer = self._text(
            select(*_after(_answer, "org")).where(
                _answer.c.org == _org, _answer.c.actor == bindparam("actor"), _answer.c.key == bindparam("key")
            ),
            "org actor key",
        )
        self.mark = self._text(
            select(_mark.c.value).where(_mark.c.org == _org, _mark.c.name == bindparam("name")), "org name"
        )
        self.definition = self._text(
            select(_definition.c.kind, _definition.c.body).where(_definition.c.digest == bindparam("digest")), "digest"
        )
        self._read_deadlines()
        posted = select(*_after(_outbox, "seq", but="delivered")).where(_outbox.c.org == _org)
        waiting = posted.where(_outbox.c.delivered.is_(None)).order_by(_outbox.c.seq)
        self.outbox = self._text(waiting, "org")
        self.outbox_end = self._text(select(func.max(_outbox.c.seq)).where(_outbox.c.org == _org), "org")
        self.sent = self._text(posted.where(_outbox.c.id == bindparam("id")), "org id")
        self.any_record = self._text(select(exists().select_from(_record)), "")
        self.any_payload = self._text(select(exists().select_from(_payload)), "")
        self._read_ends()

    def _read_ends(self) -> None:
        c = _record.c
        self.place_of = self._text(select(c.idx).where(c.org == _org, c.id == bindparam("id")), "org id")
        self.leaf_at = self._text(select(c.leaf).where(c.org == _org, c.idx == bindparam("index")), "org index")
        last = select(c.org, func.max(c.idx).label("idx")).group_by(c.org).subquery()
        both = _record.join(last, (c.org == last.c.org) & (c.idx == last.c.idx))
        self.log_ends = self._text(select(c.org, c.idx, c.leaf, c.body).select_from(both), "")

        p = _payload.c
        sealed = select(p.org, p.unit, func.max(p.idx).label("idx")).where(p.cell.is_not(None))
        newest = sealed.group_by(p.org, p.unit).subquery()
        cell = (c.org, c.body, p.unit, c.case_id, c.id, p.cell)
        joined = _record.join(_payload, (c.org == p.org) & (c.idx == p.idx))
        of_unit = joined.join(newest, (p.org == newest.c.org) & (p.idx == newest.c.idx))
        self.newest_cells = self._text(select(*cell).select_from(of_unit), "")
        last = select(func.max(p.idx)).where(p.org == _org, p.cell.is_not(None)).scalar_subquery()
        self.newest_cell = self._text(
            select(*cell).select_from(joined).where(c.org == bindparam("of"), c.idx == last), "of org"
        )

        c = _case.c
        end = select(func.max(_record.c.idx)).where(_record.c.org == bindparam("of")).scalar_subquery()
        self.case_heads = self._text(
            select(end, c.case_id, c.version, c.head).where(c.org == _org).order_by(c.case_id), "of org"
        )

        later = select(c.case_id, c.version, c.head).where(c.org == _org, c.case_id > bindparam("after"))
        self.ends = self._text(
            later.order_by(c.case_id).limit(bindparam("count")).offset(literal_column("0")), "org after count"
        )

    def _read_deadlines(self) -> None:
        c = _deadline.c
        every = select(*_after(_deadline, "org")).where(c.org == _org).order_by(c.next, c.case_id, c.run, c.deadline)
        # The stage stands in the text: SQLite can use an index WHERE stage <> 'done' only when it sees the word.
        waiting = every.where(c.stage != literal_column("'done'"), c.next <= bindparam("until"))
        of_case = c.case_id == bindparam("case")
        self.deadlines = self._text(every, "org")
        self.deadlines_of = self._text(every.where(of_case), "org case")
        self.deadlines_until = self._text(waiting, "org until")
        self.deadlines_of_until = self._text(waiting.where(of_case), "org until case")

    def _append(self) -> None:
        self.add_record = self._insert(_record)
        self.add_payload = self._insert(_payload)
        self.add_case = self._text(insert(_case).on_conflict_do_nothing(), _names(_case))
        self.add_answer = self._text(insert(_answer).on_conflict_do_nothing(), _names(_answer))
        self.add_outbox = self._insert(_outbox)
        self.add_definition = self._insert(_definition)

    def _change(self) -> None:
        moved = _case.update().where(
            _case.c.org == bindparam("_org"),
            _case.c.case_id == bindparam("_case"),
            _case.c.version == bindparam("_expected"),
        )
        self.move_case = self._text(
            moved.values({name: bindparam(name) for name in ("version", "head", "at", "actor", "shared")}),
            "version head at actor shared _org _case _expected",
        )
        self.put_run = self._upsert(_run)
        self.put_deadline = self._upsert(_deadline)
        self.put_mark = self._upsert(_mark)
        self.close_deadline = self._text(
            _deadline.delete().where(
                _deadline.c.org == _org,
                _deadline.c.case_id == bindparam("case"),
                _deadline.c.run == bindparam("run"),
                _deadline.c.deadline == bindparam("deadline"),
            ),
            "org case run deadline",
        )
        self.drop_deadlines = self._text(
            _deadline.delete().where(_deadline.c.org == _org, _deadline.c.case_id == bindparam("case")), "org case"
        )
        self.deliver = self._text(
            _outbox.update()
            .where(_outbox.c.org == bindparam("_org"), _outbox.c.id == bindparam("_id"), _outbox.c.delivered.is_(None))
            .values(delivered=bindparam("delivered")),
            "delivered _org _id",
        )

    def _draft(self) -> None:
        c = _draft.c
        every = select(*_after(_draft, "org")).where(c.org == _org).order_by(c.at, c.case_id, c.run, c.step, c.actor)
        self.drafts = self._text(every, "org")
        self.drafts_of_case = self._text(every.where(c.case_id == bindparam("case")), "org case")
        self.drafts_of_actor = self._text(every.where(c.actor == bindparam("actor")), "org actor")
        self.put_draft = self._upsert(_draft)
        gone = _draft.delete().where(c.org == _org)
        of_case = gone.where(c.case_id == bindparam("case"), c.run == bindparam("run"), c.step == bindparam("step"))
        self.drop_draft = self._text(of_case.where(c.actor == bindparam("actor")), "org case run step actor")
        self.sweep_drafts = self._text(gone.where(c.expires <= bindparam("until")), "org until")

    def _earlier(self, states: int) -> str:
        """For so many states; binds org, person, routine, the states, since, but."""
        names = [f"state{n}" for n in range(states)]
        return self._text(
            select(func.count())
            .select_from(_run)
            .where(
                _run.c.org == _org,
                _run.c.person == bindparam("person"),
                _run.c.routine == bindparam("routine"),
                _run.c.state.in_([bindparam(name) for name in names]),
                _run.c.ended >= bindparam("since"),
                _run.c.run != bindparam("but"),
            ),
            " ".join(["org person routine", *names, "since but"]),
        )

    def _insert(self, table: Table) -> str:
        return self._text(insert(table), _names(table))

    def _upsert(self, table: Table) -> str:
        new = insert(table)
        changed = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
        return self._text(
            new.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed), _names(table)
        )

    def _text(self, statement: CompilerElement, order: str) -> str:
        compiled: Any = statement.compile(dialect=self._dialect)
        if compiled.positiontup != order.split():
            raise AssertionError(compiled.positiontup)
        return compiled.string


def _names(table: Table) -> str:
    return " ".join(column.name for column in table.c)


def _after(table: Table, name: str, *, but: str | None = None) -> list[ColumnElement[Any]]:
    """The columns that make up the engine's row: those after the named one."""
    columns = list(table.c)
    begin = columns.index(table.c[name]) + 1
    return [column for column in columns[begin:] if column.name != but]


def _span(column: ColumnElement[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column > bindparam("after"), column <= bindparam("last")
