// Certificate requests that no CA should sign, made with the openssl program: none of our rooms
// makes such a one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace culvert {

// RSA of 1024 bits, for spiffe://cluster.local/ns/shop/sa/cart.
inline constexpr const char* kWeakRsaCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBgzCB7QIBADAAMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDDekx1bgua
rNLy0yCFXiN77+ZIB8HzJlRVOIKMRNfclhzpe2J51BY2nGoeyW26cESPbH0Lif1q
tw3yOaxBGueYhyIoN1X6qxF2vZU0Qq+H5wKcmAYTm4wH3Uf2Yk0aLc0WaKzGTfsN
BsO7GTnQ9bmnalPYIcmDpsG8W6Oi0oWgowIDAQABoEQwQgYJKoZIhvcNAQkOMTUw
MzAxBgNVHREEKjAohiZzcGlmZmU6Ly9jbHVzdGVyLmxvY2FsL25zL3Nob3Avc2Ev
Y2FydDANBgkqhkiG9w0BAQsFAAOBgQAUrLKR4HGU1VHXlsLcMa3MLOoVGoCFB1dE
cwAHto1QNkCpg24W33zvpdWuMtzZYpWOQYzSL1UPPLwQAd2hHawvLmF4ROWdOqQ+
rrFzdhXvdytfigMHec+R1QrE9Wb7dwvWPa/P8LFk3Apv/DDkeLiZ9G2eEdS+yZ1+
1HwZ2XuTYA==
-----END CERTIFICATE REQUEST-----
)";

// P-224, for the same.
inline constexpr const char* kWeakCurveCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIHsMIGbAgEAMAAwTjAQBgcqhkjOPQIBBgUrgQQAIQM6AASaeuVk1GmHfiR/Mrr4
UhLjUbnRyV4YuLqKNMieuTfbc4QG6d8oSIcjgWFDXf2nDj8dTtdVnP7OiaBEMEIG
CSqGSIb3DQEJDjE1MDMwMQYDVR0RBCowKIYmc3BpZmZlOi8vY2x1c3Rlci5sb2Nh
bC9ucy9zaG9wL3NhL2NhcnQwCgYIKoZIzj0EAwIDQAAwPQIdAI6rnFGzt4Oqeb8B
MupaQbtWr8MtJd4kUl0/Y+sCHGIhEi3MC8okpPIkuKV596rUxSs8yTYu6rG4ytI=
-----END CERTIFICATE REQUEST-----
)";

// P-256; the service accounts cart and till.
inline constexpr const char* kTwoNamesCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBJjCBzgIBADAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFSZ0uPhNCxJ4
u4ar6gkXhXc1pKMufv7yGrdTwFGBNTjKPSu8zbJUwxw40UteHJftZoeUir+Trj+X
JUdh82747aBsMGoGCSqGSIb3DQEJDjFdMFswWQYDVR0RBFIwUIYmc3BpZmZlOi8v
Y2x1c3Rlci5sb2NhbC9ucy9zaG9wL3NhL2NhcnSGJnNwaWZmZTovL2NsdXN0ZXIu
bG9jYWwvbnMvc2hvcC9zYS90aWxsMAoGCCqGSM49BAMCA0cAMEQCIG7PBImoy/pm
OncSbFkW+/GyDy8XbGkDieeJpxPYg8rVAiB4FCbVTNWsQoxvQTRFQrAVG2fSwhbZ
B4y83I9QITSkZA==
-----END CERTIFICATE REQUEST-----
)";

// No subject alternative name.
inline constexpr const char* kNoNameCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIG5MGICAQAwADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGo70Y875joeZpO
6J2jN4rip2YDXprroz7zOjmN/+pv4YautEZKd12Y4hHSqiYuItXYqTyPnOrwoBAy
MofAQVugADAKBggqhkjOPQQDAgNHADBEAiBpecq5UMz82UGsDQJTwXh2oV9wsJyL
cCNDYimG/vvlIwIgJxTE6itdJ4AqDzSCjFA7FPEjJBtgmawiNqqoB9t9GGM=
-----END CERTIFICATE REQUEST-----
)";

// DNS:cart.shop instead of a URI.
inline constexpr const char* kDnsNameCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIHjMIGJAgEAMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS3nHySAsiJDeC3
9apSRO94BBkOL8lgF063s4MgtsvCQkQoLR+1/iRsPWJctz4ofcuu4kPsMaXMGYA0
js8VFQFCoCcwJQYJKoZIhvcNAQkOMRgwFjAUBgNVHREEDTALggljYXJ0LnNob3Aw
CgYIKoZIzj0EAwIDSQAwRgIhAJyzWkWNiKBgUZxg54l6kuZH3kSjXLAo5/b2TikR
345EAiEAko79+n/5+l6WVXMTJggEqq2BGlFIfwH5N6vGaB0rfh0=
-----END CERTIFICATE REQUEST-----
)";

// The SPIFFE ID of the service account cart, and DNS:cart.shop beside it.
inline constexpr const char* kDnsNameBesideCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBCTCBsQIBADAAMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEz3b1pPABVwQX
ouZAOzeUOlwxIMGE20Dqpoc40Aqyot9brm54QvSSyaiADCrfW8ujjaxPNbrguo+v
+KIkjIpc96BPME0GCSqGSIb3DQEJDjFAMD4wPAYDVR0RBDUwM4Ymc3BpZmZlOi8v
Y2x1c3Rlci5sb2NhbC9ucy9zaG9wL3NhL2NhcnSCCWNhcnQuc2hvcDAKBggqhkjO
PQQDAgNHADBEAiA3MD8buwXSy8QHPE8KDICX2T0kXsUQeiMRgxEF+FGiAgIgGEcX
m21StLwbjklW2G8nX7UTW/9O3z4Vo4g/jYl0/dA=
-----END CERTIFICATE REQUEST-----
)";

// https://cluster.local/ns/shop/sa/cart instead of a SPIFFE ID.
inline constexpr const char* kHttpNameCsr = R"(-----BEGIN CERTIFICATE REQUEST-----
MIH/MIGlAgEAMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARM/biAShyc8kTL
vMnhpWYbg/1oYJCuFnPlGdy2fadLWcj+eI6CohTC+qdVvzBEY4XrF4oxxlfgAnuv
7I0xLIFmoEMwQQYJKoZIhvcNAQkOMTQwMjAwBgNVHREEKTAnhiVodHRwczovL2Ns
dXN0ZXIubG9jYWwvbnMvc2hvcC9zYS9jYXJ0MAoGCCqGSM49BAMCA0kAMEYCIQC3
/RFL8UCFFkOBmevdz5fxQnsQg//Y9dFGWh3GGQaTYgIhAK0ESpr1HdrRcAc+aB/o
xHGYcIDPSSqGZ8ZyuGYzsEuR
-----END CERTIFICATE REQUEST-----
)";

}  // namespace culvert
