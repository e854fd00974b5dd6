@echo off
rem Makes the Windows service by hand: the same commands that `failover-dns service install` runs. Change the
rem paths and the account, and run it in a prompt opened as administrator. It ends at the first command that fails:
rem mend that, then run remove.cmd and this again. docs\windows.md explains the choices.
rem NSSM must be 2.24-101 or newer: 2.24 itself does not start services on Windows 10 and later.
setlocal
set DATA=%ProgramData%\failover-dns
set PYTHON=C:\Program Files\failover-dns\Scripts\python.exe

rem The virtual account needs no password. For Kerberos, a gMSA such as EXAMPLE\failover-dns$: then also run
rem     sc.exe managedaccount failover-dns true
set ACCOUNT=NT SERVICE\failover-dns

if not exist "%DATA%\state" mkdir "%DATA%\state" || exit /b 1
if not exist "%DATA%\log" mkdir "%DATA%\log" || exit /b 1

nssm install failover-dns "%PYTHON%" -m failover_dns run || exit /b 1
nssm set failover-dns Description "Keeps DNS telling the truth about failover pairs" || exit /b 1
nssm set failover-dns Start SERVICE_AUTO_START || exit /b 1
nssm set failover-dns AppDirectory "%DATA%" || exit /b 1

rem This lands in the registry: paths, never secrets.
nssm set failover-dns AppEnvironmentExtra "FAILOVER_DNS_CONFIG=%DATA%\failover-dns.toml" PYTHONUTF8=1 || exit /b 1

rem Ctrl-C, which needs a console, and then time to finish the change in hand: more than the longest deadline_s
rem takes, in ms. WM_CLOSE and WM_QUIT, 2 and 4, mean nothing to a console program.
nssm set failover-dns AppNoConsole 0 || exit /b 1
nssm set failover-dns AppStopMethodSkip 6 || exit /b 1
nssm set failover-dns AppStopMethodConsole 130000 || exit /b 1

rem Restart after a crash, later each time if it does not last; stay stopped after an ordered stop (0), a wrong
rem command line (64) and a wrong configuration (78), which no restart mends.
nssm set failover-dns AppThrottle 10000 || exit /b 1
nssm set failover-dns AppRestartDelay 5000 || exit /b 1
nssm set failover-dns AppExit Default Restart || exit /b 1
nssm set failover-dns AppExit 0 Exit || exit /b 1
nssm set failover-dns AppExit 64 Exit || exit /b 1
nssm set failover-dns AppExit 78 Exit || exit /b 1

rem The log, a new file every 10 MiB. NSSM keeps the old ones for ever: remove them now and then.
nssm set failover-dns AppStdout "%DATA%\log\failover-dns.log" || exit /b 1
nssm set failover-dns AppStderr "%DATA%\log\failover-dns.log" || exit /b 1
nssm set failover-dns AppRotateFiles 1 || exit /b 1
nssm set failover-dns AppRotateOnline 1 || exit /b 1
nssm set failover-dns AppRotateBytes 10485760 || exit /b 1

sc.exe config failover-dns obj= "%ACCOUNT%" || exit /b 1

rem By default every user may read below ProgramData. The SIDs are SYSTEM and the administrators, whose names are
rem translated; the account reads everything and writes the change log and the log.
icacls "%DATA%" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "%ACCOUNT%:(OI)(CI)RX" || exit /b 1
icacls "%DATA%\state" /grant:r "%ACCOUNT%:(OI)(CI)M" || exit /b 1
icacls "%DATA%\log" /grant:r "%ACCOUNT%:(OI)(CI)M" || exit /b 1

echo Made. See that `failover-dns check` finds nothing wrong, then: nssm start failover-dns
