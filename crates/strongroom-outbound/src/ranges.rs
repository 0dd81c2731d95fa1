//! Which addresses are the public internet: the special-purpose registries of IANA for IPv4 and IPv6 (RFC 6890 and what
//! was added since), and a few addresses that clouds use for themselves.
//!
//! SECURITY: IPv4 is public unless listed; IPv6 only inside 2000::/3, which is all that was ever given out, so mapped,
//! compatible, NAT64, unique-local, link-local, site-local, multicast and whatever comes next is refused without a list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Not the public internet: network, prefix length.
const IPV4: [(Ipv4Addr, u32); 19] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carriers' own, and metadata of one cloud
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // metadata of one cloud, though its range is public
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, and metadata of most clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24),  // multicast tunnels
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(192, 175, 48, 0), 24),  // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, and broadcast
];

/// All that was given out as global unicast.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What inside global unicast is not the public internet.
const IPV6: [(Ipv6Addr, u32); 6] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocols: Teredo, benchmarks, ORCHID, DRIP, AS112
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: an IPv4 address inside
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16), // the first test network, given back
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address belongs to the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !IPV4.iter().any(|range| holds_v4(*range, address)),
        IpAddr::V6(address) => {
            holds_v6(GLOBAL_UNICAST, address) && !IPV6.iter().any(|range| holds_v6(*range, address))
        }
    }
}

fn holds_v4((network, length): (Ipv4Addr, u32), address: Ipv4Addr) -> bool {
    (network.to_bits() ^ address.to_bits()).leading_zeros() >= length
}

fn holds_v6((network, length): (Ipv6Addr, u32), address: Ipv6Addr) -> bool {
    (network.to_bits() ^ address.to_bits()).leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of every range, the address before it and the one after it; `-` where there is none that
    /// is public.
    const EDGES: &str = "
        0.0.0.0 0.255.255.255 - 1.0.0.0
        10.0.0.0 10.255.255.255 9.255.255.255 11.0.0.0
        100.64.0.0 100.127.255.255 100.63.255.255 100.128.0.0
        127.0.0.0 127.255.255.255 126.255.255.255 128.0.0.0
        168.63.129.16 168.63.129.16 168.63.129.15 168.63.129.17
        169.254.0.0 169.254.255.255 169.253.255.255 169.255.0.0
        172.16.0.0 172.31.255.255 172.15.255.255 172.32.0.0
        192.0.0.0 192.0.0.255 191.255.255.255 192.0.1.0
        192.0.2.0 192.0.2.255 192.0.1.255 192.0.3.0
        192.31.196.0 192.31.196.255 192.31.195.255 192.31.197.0
        192.52.193.0 192.52.193.255 192.52.192.255 192.52.194.0
        192.88.99.0 192.88.99.255 192.88.98.255 192.88.100.0
        192.168.0.0 192.168.255.255 192.167.255.255 192.169.0.0
        192.175.48.0 192.175.48.255 192.175.47.255 192.175.49.0
        198.18.0.0 198.19.255.255 198.17.255.255 198.20.0.0
        198.51.100.0 198.51.100.255 198.51.99.255 198.51.101.0
        203.0.113.0 203.0.113.255 203.0.112.255 203.0.114.0
        224.0.0.0 255.255.255.255 223.255.255.255 -
        :: 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff - 2000::
        2001:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2000:ffff:: 2001:200::
        2001:db8:: 2001:db8:ffff:ffff:: 2001:db7:ffff:: 2001:db9::
        2002:: 2002:ffff:ffff:: 2001:ffff:: 2003::
        2620:4f:8000:: 2620:4f:8000:ffff:: 2620:4f:7fff:: 2620:4f:8001::
        3ffe:: 3fff:fff:ffff:: 3ffd:ffff:: 3fff:1000::
        4000:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:ffff:: -
    ";

    #[test]
    fn ranges_end_where_they_end() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for row in EDGES.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let places: Vec<&str> = row.split(' ').collect();
            let [first, last, before, after] = places[..] else {
                panic!("{row}")
            };
            assert!(!public(first) && !public(last), "{row}");
            assert!(before == "-" || public(before), "{row}");
            assert!(after == "-" || public(after), "{row}");
        }
    }

    #[test]
    fn every_special_address_by_name() {
        for text in [
            "::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "169.254.169.254",
            "100.100.100.200",
            "255.255.255.255",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
