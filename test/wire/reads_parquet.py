"""Prints, as one JSON object, what pyarrow reads from the Parquet files named on the command line."""
import json
import sys

import pyarrow.parquet as parquet

tables = [parquet.read_table(name) for name in sys.argv[1:]]
rows = [row for table in tables for row in table.to_pylist()]
files = [parquet.ParquetFile(name).metadata for name in sys.argv[1:]]
print(json.dumps({
    "schemas": [[[field.name, str(field.type)] for field in table.schema] for table in tables],
    "compressions": sorted({
        metadata.row_group(group).column(column).compression
        for metadata in files
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    }),
    "rows": [{name: None if value is None else str(value) for name, value in row.items()} for row in rows],
}))
