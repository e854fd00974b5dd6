@echo off
rem Stops and removes the Windows service: what `failover-dns service remove` does. The configuration, the change
rem log and the logs below %ProgramData%\failover-dns stay.
nssm stop failover-dns
nssm remove failover-dns confirm || exit /b 1
