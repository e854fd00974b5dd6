# Shows whether Windows registers, in DNS and by itself, the addresses of the interfaces that virtual IPs belong to;
# with -Apply stops it there. Run it on both agents, as an administrator for -Apply:
#
#     .\Set-DnsRegistration.ps1 -VirtualIP 10.10.10.5, 10.20.20.5
#     .\Set-DnsRegistration.ps1 -VirtualIP 10.10.10.5, 10.20.20.5 -Apply
#
# An interface is concerned if it has the virtual IP or, on the agent that is offline, an address of its network.
# Afterwards nothing registers the agent's own address either: make that record once, or set keep_physical = true.
param(
    [Parameter(Mandatory = $true)] [System.Net.IPAddress[]] $VirtualIP,
    [switch] $Apply
)
$ErrorActionPreference = 'Stop'

function Test-SameNetwork([System.Net.IPAddress] $One, [System.Net.IPAddress] $Other, [int] $PrefixLength) {
    if ($One.AddressFamily -ne $Other.AddressFamily) { return $false }
    $left = $One.GetAddressBytes()
    $right = $Other.GetAddressBytes()
    for ($bit = 0; $bit -lt $PrefixLength; $bit++) {
        $index = [Math]::Floor($bit / 8)
        $mask = 128 -shr ($bit % 8)
        if (($left[$index] -band $mask) -ne ($right[$index] -band $mask)) { return $false }
    }
    return $true
}

try {
    $interfaces = foreach ($own in Get-NetIPAddress) {
        $address = [System.Net.IPAddress]::Parse(($own.IPAddress -split '%')[0])
        foreach ($ip in $VirtualIP) {
            if (Test-SameNetwork $address $ip $own.PrefixLength) { $own.InterfaceIndex }
        }
    }
    $interfaces = @($interfaces | Sort-Object -Unique)
    if ($interfaces.Count -eq 0) {
        Write-Warning "No interface of this host has an address of the network of $($VirtualIP -join ', ')."
        exit 1
    }
    foreach ($client in Get-DnsClient -InterfaceIndex $interfaces) {
        $back = "Set-DnsClient -InterfaceIndex $($client.InterfaceIndex) -RegisterThisConnectionsAddress `$true"
        if (-not $client.RegisterThisConnectionsAddress) {
            "$($client.InterfaceAlias): does not register. To let it register: $back"
        } elseif ($Apply) {
            Set-DnsClient -InterfaceIndex $client.InterfaceIndex -RegisterThisConnectionsAddress $false
            "$($client.InterfaceAlias): registers no longer. To go back: $back"
        } else {
            "$($client.InterfaceAlias): registers its addresses. Run again with -Apply to stop that."
        }
    }
} catch {
    Write-Warning "Nothing more was changed: $_"
    exit 1
}
exit 0
