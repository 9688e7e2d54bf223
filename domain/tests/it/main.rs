//! The domain, tested from outside: specs in given/when/then, properties, and the stored forms.

#[cfg(test)]
mod acceptance_properties;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod documentation;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile_records;
#[cfg(test)]
mod message_specs;
#[cfg(test)]
mod relation_specs;
#[cfg(test)]
mod room_properties;
#[cfg(test)]
mod room_specs;
#[cfg(test)]
mod sagas;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod user_specs;
