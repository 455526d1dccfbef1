"""Unpacks the named members of a wheel: python3 unpack.py WHEEL FOLDER MEMBER... (a member ending in / is a folder).

zipfile checks the CRC of everything it reads. A member that the wheel does not hold is an error.
"""

import os
import sys
import zipfile


def main(wheel: str, folder: str, members: "list[str]") -> None:
    parent = os.getppid()
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for member in members:
            wanted = [name for name in names if name == member or (member.endswith("/") and name.startswith(member))]
            if not wanted:
                raise KeyError(f"{member} is not in the wheel")
            for name in wanted:
                if os.getppid() != parent:
                    sys.exit("the set-up that started this was killed")
                archive.extract(name, folder)


try:
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
except (OSError, KeyError, zipfile.BadZipFile) as error:
    sys.exit(f"{type(error).__name__}: {error}")
