"""The index in a PostgreSQL database with the extension `vector`: half-precision vectors and an HNSW graph.

Slower than the indexes in memory (1.5 ms and more a search), but of no size in the engine, shared by all engines, and
backed up with the shop. Codes are the embeddings' own float16 numbers.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from feira.core.index.base import CodedIndex, Ids, Places, sorted_hits
from feira.core.index.coding import Codes, Coding
from feira.core.index.scalar import SPARE
from feira.core.learning.pca import Projection
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix

# With fewer photos the plain scan is quicker than the graph, and exact.
GRAPH_FROM = 5_000
# Up to so many passing photos are compared one by one.
EXACT_BELOW = 20_000
# pgvector's own bound on how many candidates a graph search keeps.
_WIDEST = 1_000
_M, _EF_BUILD = 16, 128
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"

_BY_GRAPH = sql.SQL(
    "SELECT photo_id, -(code <#> %s::halfvec) FROM ({}) AS chosen ORDER BY code <#> %s::halfvec LIMIT %s"
)
_ONE_BY_ONE = sql.SQL(
    "SELECT photo_id, -distance FROM (WITH chosen AS MATERIALIZED ({})"
    " SELECT photo_id, code <#> %s::halfvec AS distance FROM chosen) AS compared ORDER BY distance, photo_id LIMIT %s"
)


class HalfCoding:
    """Float16, projected to fewer dimensions first when told how; each row on its own."""

    def __init__(self, dim: int, projection: Projection | None = None) -> None:
        self.dim, self.projection = dim, projection
        self.width = projection.reduced_dim if projection else dim
        self.dtype: np.dtype[Any] = np.dtype("<f2")

    def encode(self, rows: Matrix) -> Codes:
        """See Coding."""
        return self.turn(rows).astype(self.dtype)

    def decode(self, codes: Codes) -> Matrix:
        """See Coding."""
        rows = codes.astype(np.float32)
        return self.projection.backward(rows) if self.projection else rows

    def turn(self, rows: Matrix) -> Matrix:
        """Return rows or queries as codes see them."""
        return self.projection.forward(rows) if self.projection else rows


class PgvectorIndex(CodedIndex):
    """One table per index: `photo_id`, `code halfvec`, and an HNSW graph once there are enough rows.

    A filter that passes up to `EXACT_BELOW` photos is answered by an exact query over those; a wider one by the graph,
    which goes on until it has enough, and exactly when it has not. One process at a time changes a table: who has its
    lock (`take_the_pen`). The others see each change when it is committed.

    Args:
        url: of the database; its role may create tables.
        table: its name.
        lasting: False drops the table when it is closed, for an index that is only compared with another.
    """

    kind: ClassVar[str] = "pgvector"

    def __init__(
        self, url: str, dim: int, projection: Projection | None = None, *, table: str, lasting: bool = True
    ) -> None:
        self._halves = HalfCoding(dim, projection)
        coding: Coding = self._halves
        super().__init__(coding)
        self._url, self._name, self._lasting = url, table, lasting
        self._table = sql.Identifier(table)
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._readers: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._is_prepared = self._has_pen = False

    # What outlives the process.

    def position(self) -> int:
        """Return the log entry that the table holds, 0 when none was noted."""
        rows = self._rows("SELECT seq FROM feira_index_position WHERE name = %s", (self._name,))
        return int(rows[0][0]) if rows else 0

    def note_position(self, seq: int) -> None:
        """Remember the log entry that the table holds."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO feira_index_position VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET seq = EXCLUDED.seq",
                (self._name, seq),
            )

    def take_the_pen(self) -> bool:
        """Whether this process may change the table; another has to be gone first."""
        with self._writing() as connection:  # a lost connection has lost the lock
            if not self._has_pen:
                row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (self._name,)).fetchone()
                self._has_pen = bool(row and row[0])
            return self._has_pen

    def has_graph(self) -> bool:
        """Whether the graph is there."""
        found = self._rows(
            "SELECT 1 FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relname = %s AND i.indisvalid",
            (f"{self._name}_graph",),
        )
        return bool(found)

    def grow_graph(self) -> None:
        """Build the graph if there are rows enough for one and it is not there; the table serves meanwhile."""
        if len(self) < GRAPH_FROM or self.has_graph():
            return
        graph = sql.Identifier(f"{self._name}_graph")
        # Not the connection that writes: it goes on writing meanwhile.
        with self._reading() as connection:
            connection.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(graph))
            connection.execute(
                sql.SQL(
                    "CREATE INDEX CONCURRENTLY {} ON {} USING hnsw (code halfvec_ip_ops)"
                    " WITH (m = {}, ef_construction = {})"
                ).format(graph, self._table, sql.Literal(_M), sql.Literal(_EF_BUILD))
            )

    def disk_bytes(self) -> int:
        """Return what table and graph take in the database."""
        return int(self._rows("SELECT pg_total_relation_size(%s::regclass)", (self._name,))[0][0])

    def beside(self) -> "PgvectorIndex":
        """Return an empty index of the same shape that is dropped when it is closed."""
        return PgvectorIndex(
            self._url, self.dim, self._halves.projection, table=f"{self._name}_{secrets.token_hex(3)}", lasting=False
        )

    def drop(self) -> None:
        """Delete the table."""
        with self._writing() as connection:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._table))
            connection.execute("DELETE FROM feira_index_position WHERE name = %s", (self._name,))
        self._is_prepared = False

    def close(self) -> None:
        """Let go of the database."""
        if not self._lasting:
            self.drop()
        for connection in [*self._readers, *([self._connection] if self._connection else [])]:
            connection.close()
        self._readers, self._connection = [], None

    def is_intact(self) -> bool:
        """See CodedIndex; the database watches over its own pages."""
        return True

    # The hooks of `CodedIndex`.

    def __len__(self) -> int:
        """Number of photos."""
        return int(self._rows(sql.SQL("SELECT count(*) FROM {}").format(self._table))[0][0])

    def memory_bytes(self) -> int:
        """See CodedIndex: nothing is kept in this process."""
        return 0

    def _most(self) -> int:
        # Counting rows takes longer than a search.
        return 2**62

    def _known(self, ids: Ids) -> NDArray[np.bool_]:
        statement = sql.SQL("SELECT photo_id FROM {} WHERE photo_id = ANY(%s)").format(self._table)
        found = np.array([row[0] for row in self._rows(statement, (ids.tolist(),))], dtype=np.int64)
        return np.isin(ids, found)

    def _all_ids(self) -> Ids:
        found = self._rows(sql.SQL("SELECT photo_id FROM {}").format(self._table))
        return np.array([row[0] for row in found], dtype=np.int64)

    def _codes_of(self, ids: Ids) -> Codes:
        codes = np.empty((len(ids), self._halves.width), dtype=self._halves.dtype)
        statement = sql.SQL("SELECT photo_id, code FROM {} WHERE photo_id = ANY(%s)").format(self._table)
        rows = self._rows(statement, (ids.tolist(),), binary=True)
        if rows:
            order = np.argsort(ids)
            found = np.array([row[0] for row in rows], dtype=np.int64)
            # A halfvec travels as its length, two unused bytes, and big-endian numbers.
            halves = np.frombuffer(b"".join(bytes(row[1])[4:] for row in rows), dtype=">f2")
            codes[order[np.searchsorted(ids, found, sorter=order)]] = halves.reshape(len(rows), -1)
        return codes

    def _replace(self, ids: Ids, codes: Codes, places: Places) -> None:  # noqa: ARG002  (it has one place)
        with self._writing() as connection, connection.transaction():
            self._delete(connection, ids)
            self._insert(connection, ids, codes)

    def _append(self, ids: Ids, codes: Codes, places: Places) -> None:  # noqa: ARG002  (it has one place)
        with self._writing() as connection:
            self._insert(connection, ids, codes)

    def _drop(self, ids: Ids) -> None:
        with self._writing() as connection:
            self._delete(connection, ids)

    def _delete(self, connection: psycopg.Connection[Any], ids: Ids) -> None:
        connection.execute(sql.SQL("DELETE FROM {} WHERE photo_id = ANY(%s)").format(self._table), (ids.tolist(),))

    def _insert(self, connection: psycopg.Connection[Any], ids: Ids, codes: Codes) -> None:
        width = self._halves.width
        record = np.dtype(
            {
                "names": ["fields", "id_size", "id", "size", "dim", "unused", "halves"],
                "formats": [">i2", ">i4", ">i8", ">i4", ">i2", ">i2", (">f2", (width,))],
            }
        )
        rows = np.zeros(len(ids), dtype=record)
        rows["fields"], rows["id_size"], rows["size"], rows["dim"] = 2, 8, 4 + 2 * width, width
        rows["id"], rows["halves"] = ids, codes
        statement = sql.SQL("COPY {} (photo_id, code) FROM STDIN (FORMAT BINARY)").format(self._table)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_COPY_HEADER + rows.tobytes() + _COPY_END)

    # Searching.

    def _search(self, queries: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        turned = self._halves.turn(queries)
        is_wide = among is None or len(among) > EXACT_BELOW
        by_graph = is_wide and k + SPARE <= _WIDEST and self.has_graph()
        return [self._best(query, k, among, by_graph=by_graph) for query in turned]

    def _best(self, query: Matrix, k: int, among: PhotoSet | None, *, by_graph: bool) -> list[Hit]:
        if by_graph:
            ids, scores = self._nearest(query, k + SPARE, among, by_graph=True)
            # Fewer than asked for, or a tie at the edge: only the plain comparison knows who belongs there.
            if len(ids) == k + SPARE and scores[k - 1] != scores[-1]:
                return sorted_hits(ids, scores, k)
        return sorted_hits(*self._nearest(query, k, among, by_graph=False), k)

    def _nearest(
        self, query: Matrix, count: int, among: PhotoSet | None, *, by_graph: bool
    ) -> tuple[Ids, NDArray[np.float32]]:
        values: tuple[Any, ...] = ()
        vector = "[" + ",".join(map(repr, query.astype(np.float32).tolist())) + "]"
        if among is None:
            source = sql.SQL("SELECT photo_id, code FROM {}").format(self._table)
        elif len(among) <= EXACT_BELOW or (bitmap := among.bitmap(most_bytes=2**26)) is None:
            source = sql.SQL("SELECT photo_id, code FROM {} WHERE photo_id = ANY(%s)").format(self._table)
            values = (among.ids().tolist(),)
        else:
            source = sql.SQL(
                "SELECT photo_id, code FROM {} WHERE photo_id BETWEEN 0 AND %s AND get_bit(%s, photo_id) = 1"
            ).format(self._table)
            values = (8 * len(bitmap) - 1, bitmap.tobytes())
        # A materialised part cannot be answered by the graph, and is sorted whole.
        shape = _BY_GRAPH if by_graph else _ONE_BY_ONE
        statement = shape.format(source)
        with self._reading() as connection, connection.transaction():
            if by_graph:
                connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
                connection.execute(
                    sql.SQL("SET LOCAL hnsw.ef_search = {}").format(sql.Literal(min(_WIDEST, max(100, 2 * count))))
                )
            vectors = (vector, *values, vector) if by_graph else (*values, vector)
            rows = connection.execute(statement, (*vectors, count)).fetchall()
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        return ids, np.array([row[1] for row in rows], dtype=np.float32)

    # Connections: one that writes, and as many that read as there are searches at once.

    def _rows(self, statement: Any, values: tuple[Any, ...] = (), *, binary: bool = False) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(statement, values, binary=binary).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            connection = self._readers.pop()
        except IndexError:
            connection = self._connected()
        try:
            yield connection
        except psycopg.OperationalError:
            connection.close()
            raise
        self._readers.append(connection)

    @contextmanager
    def _writing(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        if self._connection is None or self._connection.closed:
            self._connection, self._has_pen = self._connected(), False
        yield self._connection

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection; the first one makes the tables that are missing."""
        connection = psycopg.connect(self._url, autocommit=True, application_name="feira-index")
        if not self._is_prepared:
            table = "CREATE TABLE IF NOT EXISTS {} (photo_id bigint PRIMARY KEY, code halfvec({}) NOT NULL)"
            connection.execute("SELECT pg_advisory_lock(hashtext('feira_index'))")  # two at once would collide
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(sql.SQL(table).format(self._table, sql.Literal(self._halves.width)))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS feira_index_position (name text PRIMARY KEY, seq bigint NOT NULL)"
            )
            connection.execute("SELECT pg_advisory_unlock(hashtext('feira_index'))")
            self._is_prepared = True
        return connection


def table_for(encoder_id: str) -> str:
    """Return a table name for an encoder's index."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in encoder_id.lower())
    return f"feira_index_{letters[:20]}_{hashlib.sha256(encoder_id.encode()).hexdigest()[:8]}"
