//! Nodes meet and part: invitations, referrals by members, introductions, Bye.

mod introductions;
mod invitations;
mod leaving;
mod referrals;
