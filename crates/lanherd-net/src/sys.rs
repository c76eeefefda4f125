//! System calls that no safe wrapper covers. The only `unsafe` of the project: each function is a few lines long and
//! takes and returns ordinary values.
#![allow(
    unsafe_code,
    reason = "socket options and addresses that neither nix nor socket2 offers"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of a few bytes, in the types of C"
)]

use std::ffi::c_int;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `ICMP_FILTER` of `linux/icmp.h`: the mask of ICMP types that a raw socket does *not* deliver.
const ICMP_FILTER: c_int = 1;

/// Binds an `AF_PACKET` socket to one interface and one `EtherType`; from here on it receives.
pub(super) fn bind_packet(socket: BorrowedFd<'_>, index: c_int, ether_type: u16) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ether_type.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer is to a live sockaddr_ll and the length is its size; the kernel only reads it.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    })
}

/// Keeps an `AF_PACKET` socket from receiving what this host sends (Linux 4.20).
pub(super) fn ignore_outgoing(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_option(
        socket.as_raw_fd(),
        libc::SOL_PACKET,
        libc::PACKET_IGNORE_OUTGOING,
        1,
    )
}

/// Whether an `AF_PACKET` socket tells with each frame what is known of its checksum (`PACKET_AUXDATA`, packet(7)).
pub(super) fn tell_checksums(socket: BorrowedFd<'_>, wanted: bool) -> io::Result<()> {
    set_option(
        socket.as_raw_fd(),
        libc::SOL_PACKET,
        libc::PACKET_AUXDATA,
        wanted.into(),
    )
}

/// Has an `AF_PACKET` socket hear frames for other hosts, too, as long as it is open (packet(7), `PACKET_MR_PROMISC`).
pub(super) fn be_promiscuous(socket: BorrowedFd<'_>, index: c_int) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: index,
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    // SAFETY: the pointer is to a live packet_mreq and the length is its size; the kernel only reads it.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const membership).cast(),
            size_of::<libc::packet_mreq>() as libc::socklen_t,
        )
    })
}

/// How many frames an `AF_PACKET` socket has dropped for want of room since this was last asked (packet(7),
/// `PACKET_STATISTICS`).
pub(super) fn packet_drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut told = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: both pointers are to live values, and `length` says how much may be written to the first.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut told).cast(),
            &raw mut length,
        )
    })?;
    Ok(told.tp_drops)
}

/// Has a netlink socket hear of a group, too (`NETLINK_ADD_MEMBERSHIP`, netlink(7)).
pub(super) fn join_netlink_group(socket: BorrowedFd<'_>, group: c_int) -> io::Result<()> {
    set_option(
        socket.as_raw_fd(),
        libc::SOL_NETLINK,
        libc::NETLINK_ADD_MEMBERSHIP,
        group,
    )
}

/// Makes a raw ICMP socket deliver only messages of these types (RFC 792); types above 31 always pass.
pub(super) fn deliver_only_icmp(socket: RawFd, types: &[u8]) -> io::Result<()> {
    let passed = types
        .iter()
        .fold(0_u32, |mask, kind| mask | 1 << (kind & 31));
    set_option(socket, libc::SOL_RAW, ICMP_FILTER, (!passed).cast_signed())
}

/// The same for `ICMPv6` (RFC 3542, 3.2), whose types are one byte.
pub(super) fn deliver_only_icmp6(socket: RawFd, types: &[u8]) -> io::Result<()> {
    /// `ICMPV6_FILTER` of `linux/icmpv6.h`.
    const ICMP6_FILTER: c_int = 1;
    let mut blocked = [u32::MAX; 8];
    for kind in types {
        blocked[usize::from(*kind >> 5)] &= !(1 << (kind & 31));
    }
    // SAFETY: the pointer is to a live array and the length is its size; a number that is no socket is answered EBADF.
    check(unsafe {
        libc::setsockopt(
            socket,
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            blocked.as_ptr().cast(),
            size_of_val(&blocked) as libc::socklen_t,
        )
    })
}

/// The number of the network namespace that a socket lives in; unlike its inode never used twice (Linux 5.14).
pub(super) fn namespace_cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: both pointers are to live values, and `length` says how much may be written to the first.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    })?;
    Ok(cookie)
}

/// How long the handshake of a TCP connection took that stands and has sent nothing yet, by the kernel's clock
/// (`TCP_INFO`, tcp(7)); `None` where it had to be begun again, so that the kernel has not timed all of it.
pub(super) fn tcp_handshake(socket: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    let told = tcp_info(socket)?;
    let was_timed = told.tcpi_total_retrans == 0 && told.tcpi_rtt > 0;
    Ok(was_timed.then(|| Duration::from_micros(told.tcpi_rtt.into())))
}

/// What the kernel tells of a TCP connection (`TCP_INFO`, tcp(7)); what an older kernel does not tell is 0.
pub(super) fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    // SAFETY: of all its fields, which are integers, zero is a value.
    let mut told: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: both pointers are to live values, and `length` says how much may be written to the first.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut told).cast(),
            &raw mut length,
        )
    })?;
    Ok(told)
}

/// The most that the kernel sends over a TCP connection, in bytes a second, spread evenly (`SO_MAX_PACING_RATE`, socket(7)).
pub(super) fn pace(socket: BorrowedFd<'_>, bytes_per_second: u64) -> io::Result<()> {
    // The kernel takes 32 bits as well as 64, and only the latest all of the 64; the highest number stands for no limit.
    let rate = u32::try_from(bytes_per_second).unwrap_or(u32::MAX);
    set_option(
        socket.as_raw_fd(),
        libc::SOL_SOCKET,
        libc::SO_MAX_PACING_RATE,
        rate.cast_signed(),
    )
}

/// Makes a procfs that is mounted nowhere, and returns its root: it ends with the descriptor (Linux 5.2). Takes
/// `CAP_SYS_ADMIN` over the process namespace.
pub(super) fn own_proc() -> io::Result<OwnedFd> {
    const FSOPEN_CLOEXEC: c_int = 1;
    const FSCONFIG_CMD_CREATE: c_int = 6;
    const FSMOUNT_CLOEXEC: c_int = 1;
    // SAFETY: the name is a C string that outlives the call, which only reads it.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, c"proc".as_ptr(), FSOPEN_CLOEXEC) };
    let context = owned(context)?;
    let no_key = std::ptr::null::<u8>();
    // SAFETY: this command takes neither a key nor a value.
    let made = unsafe {
        let descriptor = context.as_raw_fd();
        libc::syscall(
            libc::SYS_fsconfig,
            descriptor,
            FSCONFIG_CMD_CREATE,
            no_key,
            no_key,
            0,
        )
    };
    check(made as c_int)?;
    // SAFETY: it takes no pointer.
    let root = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, 0) };
    owned(root)
}

/// The descriptor that a system call has just returned.
fn owned(returned: libc::c_long) -> io::Result<OwnedFd> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has opened it for this call, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(returned as c_int) })
}

/// Has the runtime in whose context this is called watch a descriptor.
pub fn drive(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd names one and the same open descriptor for as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, interest) }?)
}

/// Has the C library keep one heap for all threads, where it keeps several otherwise. What one thread takes others give
/// back, so each of several heaps grows into holes that none of the others can use. Heaps that are there stay. What is large and
/// soon given back, such as a report's text, stays out of it: the small things that come next would settle in the hole that it
/// leaves, each on a page of its own.
pub fn keep_one_heap() {
    /// What is so large has a mapping of its own; by default that bound rises to 32 MiB, with the first large thing that is given back.
    #[cfg(target_env = "gnu")]
    const LARGE: c_int = 64 << 10;
    // SAFETY: it takes no pointer, and changes nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives memory that was freed back to the kernel, where the C library keeps it otherwise: after a storm it would keep
/// as much as the storm took. Takes milliseconds; not for a reactor thread.
pub fn give_memory_back() {
    // SAFETY: it takes no pointer, and changes nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has the kernel kill what `command` starts when the thread that starts it ends, however that comes (`prctl(2)`,
/// `PR_SET_PDEATHSIG`).
pub(super) fn die_with_this_thread(command: &mut Command) {
    // SAFETY: between fork and exec one system call is made, which takes no pointer, and nothing is allocated.
    unsafe {
        command.pre_exec(|| check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)));
    }
}

fn set_option(socket: RawFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the pointer is to a live c_int and the length is its size; a number that is no socket is answered EBADF.
    check(unsafe {
        libc::setsockopt(
            socket,
            level,
            name,
            (&raw const value).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    })
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
