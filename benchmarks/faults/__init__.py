"""What chanx and its peers do when something goes wrong. `make faults` runs all of it.

case       what a case is: its name, its title, and the function that brings the fault about
cases/     the cases, by what goes wrong
server     a peer's server in a process of its own, with its log and its memory
client     clients that behave well, and ways not to
table      the table in the docs

The applications are in benchmarks/apps, as faults_*.py. Every peer meets the same clients and the
same Redis, and each case a fresh server. The clients run in the environment "bare".
"""
