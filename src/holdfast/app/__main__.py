"""`python -m holdfast.app worker|monitor`: the programs that the supervisor starts."""

from __future__ import annotations

import sys

from holdfast.app.programs import main

sys.exit(main())
