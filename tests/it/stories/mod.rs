//! Stories: what people do and what becomes of their money, told through the functions' own code.

mod abuse;
mod bad_input;
mod changes;
mod chargebacks;
mod crashes;
mod deaths;
mod details;
mod doubt;
mod given_back;
mod late_news;
mod managed;
mod managed_late;
mod managed_network;
mod money_back;
mod networks;
mod policies;
mod purchase;
mod refunds;
mod renewal;
mod secrets;
mod single;
mod trial;
mod twice;
mod unheard;
mod webhooks;
