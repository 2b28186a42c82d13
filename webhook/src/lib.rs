//! The admission server: it marks how workloads stand to their image policies, and guards them where a namespace asks for it.
