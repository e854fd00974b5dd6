# Runs when DataMiner releases this agent's virtual IP: writes the agent's role for failover-dns.
#
# Put this file and its sibling into C:\Skyline DataMiner\Tools on both agents (DataMiner 10.1.3 or later). They
# differ in $Role only. Windows PowerShell 5.1 is enough. A failure here never holds up the switch.
#
# Where the status file is: the next line, or {"StatusFile": "..."} in failover-dns.json beside this file. It may be
# on a share, such as \\server\failover\dma-main.json; each agent needs a file of its own.
$StatusFile = "$env:ProgramData\failover-dns\status\$env:COMPUTERNAME.json"
$Role = 'OFFLINE'
$MaxSeconds = 5

# Writes beside the file and puts the new one in its place in one step, so that nobody reads half of it. A reader
# may have the file open for some milliseconds, during which Windows lets nobody replace it: hence the retry.
$Write = {
    param([string] $Path, [string] $Text, [DateTime] $Until)
    $ErrorActionPreference = 'Stop'
    $folder = [System.IO.Path]::GetDirectoryName($Path)
    [void] [System.IO.Directory]::CreateDirectory($folder)
    $beside = [System.IO.Path]::Combine($folder, '.' + [Guid]::NewGuid().ToString('N') + '.tmp')
    try {
        [System.IO.File]::WriteAllText($beside, $Text, (New-Object System.Text.UTF8Encoding($false)))
        while ($true) {
            try {
                if ([System.IO.File]::Exists($Path)) {
                    [System.IO.File]::Replace($beside, $Path, [NullString]::Value)
                } else {
                    [System.IO.File]::Move($beside, $Path)
                }
                break
            } catch {
                if ([DateTime]::UtcNow -ge $Until) { throw }
                Start-Sleep -Milliseconds 50
            }
        }
    } finally {
        [System.IO.File]::Delete($beside)
    }
}

try {
    $settings = [System.IO.Path]::Combine($PSScriptRoot, 'failover-dns.json')
    if ([System.IO.File]::Exists($settings)) {
        $said = [System.IO.File]::ReadAllText($settings) | ConvertFrom-Json
        if ($said.StatusFile) { $StatusFile = [string] $said.StatusFile }
    }
    $now = [DateTime]::UtcNow
    $since = $now.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", [System.Globalization.CultureInfo]::InvariantCulture)
    $text = '{"role":"' + $Role + '","since":"' + $since + '"}'

    # In a runspace of its own, since a share that is gone can hold up a call for a minute.
    $shell = [PowerShell]::Create()
    [void] $shell.AddScript($Write.ToString())
    [void] $shell.AddArgument($StatusFile).AddArgument($text).AddArgument($now.AddSeconds($MaxSeconds - 1))
    $call = $shell.BeginInvoke()
    if ($call.AsyncWaitHandle.WaitOne($MaxSeconds * 1000)) {
        [void] $shell.EndInvoke($call)
    } else {
        [void] $shell.BeginStop($null, $null)
        Write-Warning "failover-dns: $StatusFile was not written within $MaxSeconds s"
    }
} catch {
    Write-Warning "failover-dns: $StatusFile was not written: $_"
}
exit 0
