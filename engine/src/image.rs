//! Image references: the strict form policies use and the lenient one a kubelet pulls by.
