#include "cpu/kernels.h"

#define EQP_TEXT_(name) #name
#define EQP_TEXT(name) EQP_TEXT_(name)

namespace eqp {
namespace EQP_ISA {

extern const Backend backend;
const Backend backend = {EQP_TEXT(EQP_ISA),
#define EQP_ENTRY(member, arguments) member,
                         EQP_BACKEND_ENTRIES(EQP_ENTRY)
#undef EQP_ENTRY
};

}  // namespace EQP_ISA
}  // namespace eqp
